//! What has to hold after every test of faults, whatever they were. The names I1 to I8 are those of the project's resilience
//! catalogue.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64::Engine;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{Answer, End};
use super::sidecar::{Sidecar, sum};
use super::upstream::Witness;

/// The vendors' key in every configuration of the tests.
pub const CANARY: &str = "sk-canary-0123456789";
/// How much later than its deadline a request may end: 50 ms on an idle machine, and this one is busy with the test.
const LATE: Duration = Duration::from_millis(400);
/// The time everything has to be given back in.
const SETTLE: Duration = Duration::from_secs(5);

/// A request, and what its client was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What the request's body has as `user`.
    pub id: String,
    /// `None` if the client left before there was one.
    pub answer: Option<Answer>,
    /// Whether the client left before the end of the answer.
    pub left: bool,
    pub took: Duration,
    pub deadline: Option<Duration>,
    /// The texts that whole answers of the upstreams have. Empty: they are not compared.
    pub says: Vec<String>,
}

impl Told {
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, Answer::status)
    }
}

/// Checks all eight. `told` has every request that was made, `upstreams` everyone it may have gone to.
pub async fn check(sidecar: &Sidecar, upstreams: &[&dyn Witness], told: &[Told]) {
    everything_is_given_back(sidecar, upstreams).await;
    let metrics = sidecar.metrics().await;
    attempts_are_counted(&metrics, upstreams, told);
    requests_are_logged_once(sidecar, told).await;
    the_key_stays_inside(sidecar, &metrics, told);
    for told in told {
        bytes_are_true(told);
        let late = told.deadline.map(|deadline| told.took.saturating_sub(deadline));
        assert!(late.is_none_or(|late| late <= LATE), "I6: {late:?} after its deadline: {told:?}");
        errors_have_the_common_shape(told);
    }
    nothing_is_asked_after_commit(upstreams, told);
}

/// I3: gauges and descriptors are back at what they were.
async fn everything_is_given_back(sidecar: &Sidecar, upstreams: &[&dyn Witness]) {
    let started = Instant::now();
    loop {
        let metrics = sidecar.metrics().await;
        let gauges = ["llm_active_requests", "llm_connections", "llm_concurrency_in_flight", "llm_queue_depth"];
        let taken: Vec<_> = gauges.into_iter().map(|gauge| (gauge, sum(&metrics, gauge))).filter(|(_, value)| *value > 0.0).collect();
        // A connection to an upstream may be kept for the next request.
        let kept: usize = upstreams.iter().map(|upstream| upstream.watch().borrow().open).sum();
        let (open, before) = (sidecar.descriptors(), sidecar.descriptors_at_start);
        if taken.is_empty() && open <= before + kept {
            return;
        }
        assert!(
            started.elapsed() < SETTLE,
            "I3: {taken:?}; {open} descriptors, at the start {before}, with {kept} connections to upstreams kept"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// I1: the upstreams saw as many attempts as the sidecar counted. One that was not sent they did not see; one that its client
/// gave up, that ran into an upstream's hanging up, or that began when its request's time was up, they may not have.
fn attempts_are_counted(metrics: &str, upstreams: &[&dyn Witness], told: &[Told]) {
    let class = |class: &str| sum(metrics, &format!("llm_upstream_attempts_total{{class=\"{class}\"}}")) as usize;
    let counted = sum(metrics, "llm_upstream_attempts_total") as usize - class("not_sent");
    let (mut seen, mut hung_up) = (0, 0);
    for upstream in upstreams {
        let record = upstream.watch();
        let record = record.borrow();
        seen += record.requests.len() - record.refused.len();
        hung_up += record.hung_up;
    }
    let late = told.iter().filter(|told| told.deadline.is_some_and(|deadline| told.took >= deadline)).count();
    let missed = class("client_cancel") + hung_up + late;
    assert!((counted.saturating_sub(missed)..=counted).contains(&seen), "I1: {counted} attempts counted, {seen} seen");
}

/// I2: one line and one outcome for each request, and it is the outcome that its client saw.
async fn requests_are_logged_once(sidecar: &Sidecar, told: &[Told]) {
    // A listener under TLS, on which only handshakes are tested, could not be asked.
    if told.is_empty() {
        return;
    }
    let answered: HashMap<&str, &Told> =
        told.iter().filter_map(|told| Some((told.answer.as_ref()?.head.header("x-request-id")?, told))).collect();
    // One more request, whose line comes behind those of all that are over.
    let last = sidecar.connect().await.get("/").await;
    let last = last.head.header("x-request-id").unwrap().to_owned();
    let mut outcomes: HashMap<String, String> = HashMap::new();
    let (mut read, started) = (0, Instant::now());
    while !outcomes.contains_key(&last) {
        assert!(started.elapsed() < SETTLE, "I2: the access log is not written");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let lines = sidecar.log_after(read);
        read += lines.len();
        for line in lines {
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            // Other checks have asked for the root, too.
            let id = line["request_id"].as_str().unwrap_or_default().to_owned();
            if line["message"] == "request" && (line["endpoint"] != "root" || id == last) {
                let outcome = line["outcome"].as_str().unwrap().to_owned();
                assert_eq!(outcomes.insert(id, outcome), None, "I2: two lines of one request: {line}");
            }
        }
    }
    outcomes.remove(&last);
    assert!(outcomes.len() <= told.len(), "I2: {} lines for {} requests", outcomes.len(), told.len());
    let missing: Vec<_> = answered.iter().filter(|(id, _)| !outcomes.contains_key(**id)).collect();
    assert!(missing.is_empty(), "I2: not in the access log: {missing:?}");
    for (id, told) in answered {
        let (outcome, answer) = (outcomes[id].as_str(), told.answer.as_ref().unwrap());
        let expected: &[&str] = match answer.status() {
            _ if told.left => &["complete", "truncated", "failed", "cancelled"],
            200..300 if answer.end == End::Clean => &["complete"],
            200..300 => &["truncated", "failed"],
            _ => &["failed"],
        };
        assert!(expected.contains(&outcome), "I2: `{outcome}` is logged for {told:?}");
    }
}

/// I4: the vendors' key is in nothing that comes out.
fn the_key_stays_inside(sidecar: &Sidecar, metrics: &str, told: &[Told]) {
    let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(CANARY);
    let holds = |text: &str| text.contains(CANARY) || text.contains(&encoded);
    assert!(!holds(metrics), "I4: the key is in the metrics");
    for line in sidecar.log() {
        assert!(!holds(&line), "I4: the key is in the log: {line}");
    }
    for answer in told.iter().filter_map(|told| told.answer.as_ref()) {
        assert!(!holds(&answer.text()) && !holds(&format!("{:?}", answer.head)), "I4: the key is in an answer: {answer:?}");
    }
}

/// I5: what a client got is what an upstream said, or a beginning of it and an error.
fn bytes_are_true(told: &Told) {
    let Some(answer) = told.answer.as_ref().filter(|answer| answer.status() == 200) else { return };
    let streamed = answer.head.header("content-type") == Some("text/event-stream");
    if !streamed {
        let whole = answer.end == End::Clean;
        assert!(whole || told.left, "I5: a whole answer broke off: {told:?}");
        if whole && !told.says.is_empty() {
            let content = answer.json()["choices"][0]["message"]["content"].as_str().map(str::to_owned);
            assert!(content.is_some_and(|text| told.says.contains(&text)), "I5: {told:?}");
        }
        return;
    }
    let (events, text) = (answer.events(), answer.streamed_text());
    let whole = events.last().is_some_and(|event| event == "[DONE]");
    if whole {
        assert!(told.says.is_empty() || told.says.contains(&text), "I5: not all of it, or something else: {told:?}");
        return;
    }
    assert!(told.says.is_empty() || told.says.iter().any(|whole| whole.starts_with(&text)), "I5: no beginning of it: {told:?}");
    if !told.left {
        let last: Value = events.last().and_then(|event| serde_json::from_str(event).ok()).unwrap_or_default();
        assert!(last["error"].is_object() && answer.end != End::Clean, "I5: neither whole nor an error: {told:?}");
    }
}

/// I7: what the head of an answer says of attempts is all there ever were.
fn nothing_is_asked_after_commit(upstreams: &[&dyn Witness], told: &[Told]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for upstream in upstreams {
        let record = upstream.watch();
        let record = record.borrow();
        for user in record.requests.iter().filter_map(super::upstream::Seen::user) {
            *seen.entry(user).or_default() += 1;
        }
        // Who refuses a request by HTTP/2's means has done nothing for it, and it may be sent again within the same attempt.
        for user in &record.refused {
            *seen.entry(user.clone()).or_default() -= 1;
        }
    }
    let known: HashSet<&str> = told.iter().map(|told| told.id.as_str()).collect();
    assert_eq!(known.len(), told.len(), "every request of a test has an id of its own");
    for told in told {
        let Some(answer) = &told.answer else { continue };
        let attempts = answer.head.header("x-llm-attempts").map_or(0, |attempts| attempts.parse().unwrap());
        let seen = seen.get(&told.id).copied().unwrap_or_default();
        assert!(seen <= attempts, "I7: {seen} attempts were seen, {attempts} told: {told:?}");
    }
}

/// I8: an error is an error of OpenAI's shape.
fn errors_have_the_common_shape(told: &Told) {
    let Some(answer) = told.answer.as_ref().filter(|answer| !(200..300).contains(&answer.status())) else { return };
    assert!(answer.head.header("x-request-id").is_some_and(|id| !id.is_empty()), "I8: {told:?}");
    assert_eq!(answer.head.header("content-type"), Some("application/json"), "I8: {told:?}");
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("I8: {error}: {told:?}"));
    let object = body["error"].as_object().unwrap_or_else(|| panic!("I8: {told:?}"));
    assert!(["message", "type", "param", "code"].iter().all(|key| object.contains_key(*key)), "I8: {told:?}");
    assert!(object["message"].is_string() && object["type"].is_string(), "I8: {told:?}");
}

//! R17 and R43: one deadline covers everything that is done for a request, and every stream ends.

use std::time::Duration;

use serde_json::json;

use crate::ask::{Ask, many};
use crate::figures::{percentile, tell};
use crate::plan::Plan;
use crate::support::chat;
use crate::support::invariants::{self, CANARY};
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

/// Requests of random faults.
const MIXED: usize = 2000;
/// Streams of each kind that never end.
const ENDLESS: usize = 20;

/// What a vendor may do to a stream, of OpenAI's dialect.
fn fault(random: &mut fastrand::Rng) -> Script {
    let some = |random: &mut fastrand::Rng| Duration::from_millis(random.u64(0..150));
    let begun = || Script::sse().data(chat::role()).data(chat::text("hello"));
    match random.usize(0..12) {
        0 => Script::silent(),
        1 => Script::sse().never(),
        2 => Script::sse().data(chat::role()).never(),
        3 => begun().never(),
        4 => Script::default().pause(some(random)).rst(),
        5 => Script::head(503, &[("content-length", "2"), ("retry-after-ms", "30")]).raw("{}"),
        6 => Script::default().pause(some(random)).raw("HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n"),
        7 => begun().pause(some(random)).rst(),
        8 => (0..50).fold(begun(), |script, _| script.data(chat::text(" more")).pause(Duration::from_millis(20))),
        9 => Script::answer_of(429, "application/json", 100, "{\"error\":").never(),
        10 => Script::sse().raw("5\r\nda").never(),
        _ => Script::sse().pause(some(random)).chunk(chat::stream(&["hello"])).end(),
    }
}

#[tokio::test]
async fn r17_one_deadline_covers_all_attempts() {
    let _turn = turn::alone().await;
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
             timeout: {{connect: 200ms, first_token: 200ms, idle: 250ms, total: 5s}}, retry: {{attempts: 4, backoff: 1ms..50ms, budget: 100%}}}}\n",
            upstream.address
        )
    };
    let yaml = format!(
        "providers:\n{}{}models:\n  both: {{targets: [{{provider: first, model: m}}], fallback: [{{provider: second, model: m}}]}}\n",
        provider("first", &first),
        provider("second", &second)
    );
    let sidecar = Sidecar::start(&yaml).await;
    let plans = [Plan::of(&first), Plan::of(&second)];
    let one = async |round: usize| {
        let mut random = fastrand::Rng::with_seed(round as u64);
        let deadline = Duration::from_millis(random.u64(50..400));
        let ask = Ask::new(format!("{round}"), true).model("both").within(deadline);
        plans.iter().for_each(|plan| plan.set(&ask.id, fault(&mut random)));
        ask.of(&sidecar).await
    };
    let told = many(volume(MIXED), 32, one).await;
    let late: Vec<Duration> = told.iter().map(|told| told.took.saturating_sub(told.deadline.unwrap())).collect();
    let timed_out =
        told.iter().filter(|told| told.answer.as_ref().is_some_and(|answer| answer.text().contains("upstream_timeout"))).count();
    let whole = told.iter().filter(|told| told.answer.as_ref().is_some_and(|answer| answer.text().contains("[DONE]"))).count();
    assert!(timed_out > 0 && whole > 0, "{timed_out} timed out, {whole} whole");
    tell(
        "R17",
        format_args!(
            "{} mixed faults, {whole} whole, {timed_out} ended by a deadline; after it by {:?} at p99, {:?} at most",
            told.len(),
            percentile(&late, 99),
            percentile(&late, 100)
        ),
    );
    // That none is much later than its deadline is an invariant.
    invariants::check(&sidecar, &[&first, &second], &told).await;
}

#[tokio::test]
async fn r17_a_handshake_that_stalls_is_over_with_the_time_for_a_connection() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start_stalled().await;
    let sidecar = Sidecar::start(&format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"https://{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         timeout: {{connect: 300ms, first_token: 5s, idle: 5s, total: 5s}}, retry: {{attempts: 1}}}}\n",
        upstream.address
    ))
    .await;
    let told = many(volume(ENDLESS), 20, async |round| Ask::new(format!("{round}"), true).of(&sidecar).await).await;
    for told in &told {
        told.answer.as_ref().unwrap().assert_error(502, "upstream_error", "upstream_connect_failed");
        assert!((Duration::from_millis(300)..Duration::from_millis(900)).contains(&told.took), "{told:?}");
    }
    upstream.wait_closed(told.len()).await;
    sidecar.wait_metric("llm_upstream_attempts_total{class=\"not_sent\"}", told.len() as f64).await;
    invariants::check(&sidecar, &[&upstream], &told).await;
}

/// Starts with these times; one upstream of either dialect.
async fn impatient(timeout: &str) -> (Upstream, Upstream, Sidecar) {
    let (openai, anthropic) = (Upstream::start().await, Upstream::start().await);
    let yaml = format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         timeout: {timeout}, retry: {{attempts: 1}}}}\n  other: {{type: anthropic, base_url: \"http://{}\", api_key: {CANARY}, models: [m], \
         {NO_BREAKER}, timeout: {timeout}, retry: {{attempts: 1}}}}\n",
        openai.address, anthropic.address
    );
    let sidecar = Sidecar::start(&yaml).await;
    (openai, anthropic, sidecar)
}

fn begun(anthropic: bool) -> Script {
    if anthropic {
        Script::sse().chunk(chat::messages_stream(&["hello"]).split("event: content_block_stop").next().unwrap())
    } else {
        Script::sse().data(chat::role()).data(chat::text("hello"))
    }
}

#[tokio::test]
async fn r43_a_stream_of_pings_ends_when_there_is_no_content() {
    let _turn = turn::shared().await;
    // No content for twice the idle time ends a stream.
    let limit = Duration::from_millis(800);
    let (openai, anthropic, sidecar) = impatient("{connect: 1s, first_token: 5s, idle: 400ms, total: 20s}").await;
    let pings =
        |anthropic: bool, ping: String| (0..1000).fold(begun(anthropic), |script, _| script.chunk(&ping).pause(Duration::from_millis(60)));
    let empty = json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []});
    let scripts = [pings(false, ": ping\n\n".to_owned()), pings(false, format!("data: {empty}\n\n"))];
    openai.respond(move |seen| scripts[seen.user().unwrap().len() % 2].clone());
    anthropic.always(pings(true, chat::named(&json!({"type": "ping"}))));
    let one = async |round: usize| {
        let model = ["vendor/m", "other/m"][round % 2];
        let told = Ask::new("x".repeat(round + 1), true).model(model).says("hello").of(&sidecar).await;
        told.answer.as_ref().unwrap().assert_broken("upstream_idle_timeout");
        told
    };
    let told = many(3 * volume(ENDLESS), 60, one).await;
    let times: Vec<Duration> = told.iter().map(|told| told.took).collect();
    let (first, last) = (percentile(&times, 0), percentile(&times, 100));
    tell("R43", format_args!("{} streams of pings ended after {first:?} to {last:?}, with a limit of {limit:?}", told.len()));
    assert!(first >= limit - Duration::from_millis(20) && last < limit + Duration::from_millis(700), "{first:?} {last:?}");
    invariants::check(&sidecar, &[&openai, &anthropic], &told).await;
}

#[tokio::test]
async fn r43_a_stream_that_goes_on_and_on_ends_with_its_time() {
    let _turn = turn::shared().await;
    let limit = Duration::from_millis(900);
    let (openai, anthropic, sidecar) = impatient("{connect: 900ms, first_token: 900ms, idle: 900ms, total: 900ms}").await;
    let word = chat::named(&json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " more"}}));
    let on_and_on = |script: Script, word: &str| (0..1000).fold(script, |script, _| script.chunk(word).pause(Duration::from_millis(30)));
    openai.always(on_and_on(begun(false), &format!("data: {}\n\n", chat::text(" more"))));
    anthropic.always(on_and_on(begun(true), &word));
    let one = async |round: usize| {
        let model = ["vendor/m", "other/m"][round % 2];
        let mut told = Ask::new(format!("{round}"), true).model(model).says(format!("hello{}", " more".repeat(1000))).of(&sidecar).await;
        told.answer.as_ref().unwrap().assert_broken("upstream_timeout");
        told.deadline = Some(limit);
        told
    };
    let told = many(2 * volume(ENDLESS), 40, one).await;
    let times: Vec<Duration> = told.iter().map(|told| told.took).collect();
    tell(
        "R43",
        format_args!("{} endless streams ended after {:?} at most, with a limit of {limit:?}", told.len(), percentile(&times, 100)),
    );
    invariants::check(&sidecar, &[&openai, &anthropic], &told).await;
}

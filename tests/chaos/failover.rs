//! R04 and R05: until content has come, another target may answer.

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

const FIRST_TOKEN: Duration = Duration::from_millis(200);
const SILENT: usize = 300;
const ERRORS: usize = 600;

async fn two() -> (Upstream, Upstream, Sidecar) {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second.always(Script::sse().chunk(chat::stream(&["from the second"])).end());
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {CANARY}, models: [m], \
             {NO_BREAKER}, \
             timeout: {{connect: 1s, first_token: 200ms, idle: 2s, total: 5s}}, retry: {{attempts: 3, backoff: 1ms..5ms, budget: 100%}}}}\n",
            upstream.address
        )
    };
    let yaml = format!(
        "log: {{level: debug}}\nproviders:\n{}{}models:\n  both: {{targets: [{{provider: first, model: m}}], fallback: [{{provider: second, model: m}}]}}\n",
        provider("first", &first),
        provider("second", &second)
    );
    let sidecar = Sidecar::start(&yaml).await;
    (first, second, sidecar)
}

#[tokio::test]
async fn r04_a_silent_vendor_is_left_before_its_first_token() {
    let _turn = turn::alone().await;
    let (first, second, sidecar) = two().await;
    let plan = Plan::of(&first);
    let silences = [Script::silent(), Script::sse().never(), Script::sse().data(chat::role()).never()];
    let one = async |round: usize| {
        let ask = Ask::new(format!("{round}"), true).model("both").says("from the second");
        plan.set(&ask.id, silences[round % silences.len()].clone());
        let told = ask.of(&sidecar).await;
        let answer = told.answer.as_ref().unwrap();
        answer.assert_whole();
        assert_eq!(answer.head.header("x-llm-attempts"), Some("2"));
        assert_eq!(answer.head.header("x-llm-provider"), Some("second"));
        told
    };
    let rounds = volume(SILENT);
    let told = many(rounds, 10, one).await;
    let times: Vec<Duration> = told.iter().map(|told| told.took).collect();
    assert!(times.iter().all(|took| *took >= FIRST_TOKEN - Duration::from_millis(5)), "{times:?}");
    let (median, last) = (percentile(&times, 50), percentile(&times, 100));
    tell(
        "R04",
        format_args!("{rounds} of {rounds} failed over, {median:?} in the middle, {last:?} at most, after {FIRST_TOKEN:?} of silence"),
    );
    // 50 ms on an idle machine.
    assert!(last < FIRST_TOKEN + Duration::from_millis(300), "{last:?}");
    // The silent ones were left for good.
    first.wait_closed(rounds).await;
    invariants::check(&sidecar, &[&first, &second], &told).await;
}

#[tokio::test]
async fn r05_an_error_in_the_second_event_still_fails_over() {
    let _turn = turn::shared().await;
    let (first, second, sidecar) = two().await;
    let plan = Plan::of(&first);
    let errors = [
        json!({"error": {"message": "overloaded", "type": "server_error", "param": null, "code": "overloaded"}}).to_string(),
        json!({"error": {"message": "upstream failed", "code": 502}}).to_string(),
        "not json".to_owned(),
    ];
    let one = async |round: usize| {
        let ask = Ask::new(format!("{round}"), true).model("both").says("from the second");
        let script = (0..round % 5).fold(Script::sse(), |script, _| script.data(chat::role()));
        plan.set(&ask.id, script.data(&errors[round % errors.len()]).end());
        let told = ask.of(&sidecar).await;
        told.answer.as_ref().unwrap().assert_whole();
        told
    };
    let rounds = volume(ERRORS);
    let told = many(rounds, 16, one).await;
    assert_eq!((first.count(), second.count()), (rounds, rounds));
    tell("R05", format_args!("{rounds} of {rounds} failed over behind 0 to 4 events without content"));
    invariants::check(&sidecar, &[&first, &second], &told).await;
}

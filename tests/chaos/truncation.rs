//! R02 and R03: a cut answer is never taken for a whole one, and never asked for twice once a client has seen some of it.

use serde_json::Value;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::plan::Plan;
use crate::support::chat;
use crate::support::client::{Answer, End};
use crate::support::invariants::{self, CANARY, Told};
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

/// Streams cut, of either dialect.
const STREAMS: usize = 5000;
/// Whole answers cut, of either dialect.
const ANSWERS: usize = 500;
/// At once: a client of a broken stream is given a moment to read why.
const AT_ONCE: usize = 32;

/// How the upstream's body ends too early.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Rst,
    Fin,
    /// The body ends by its own framing, only the stream does not.
    Clean,
}

/// Two vendors that may both be asked.
async fn start(kind: &str, first: &Upstream, second: &Upstream) -> Sidecar {
    let path = if kind == "anthropic" { "" } else { "/v1" };
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{type: {kind}, base_url: \"http://{}{path}\", api_key: {CANARY}, models: [m], \
             {NO_BREAKER}, retry: {{attempts: 3, backoff: 1ms..2ms, budget: 100%}}}}\n",
            upstream.address
        )
    };
    let yaml = format!(
        "providers:\n{}{}models:\n  both: {{targets: [{{provider: first, model: m}}], fallback: [{{provider: second, model: m}}]}}\n",
        provider("first", first),
        provider("second", second)
    );
    Sidecar::start(&yaml).await
}

fn assert_not_whole(answer: &Answer, what: &str) {
    assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
    assert_ne!(answer.end, End::Clean, "{what}: {}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{what}: {}", answer.text());
    let last: Value = answer.events().last().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
    assert!(last["error"]["code"].as_str().is_some_and(|code| code.starts_with("upstream_")), "{what}: {}", answer.text());
}

async fn streams_cut_anywhere(kind: &str) {
    let _turn = turn::shared().await;
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let sidecar = start(kind, &first, &second).await;
    let plan = Plan::of(&first);
    let texts = ["naïve ", "漢字 😀 ", "and ", "more"];
    let (stream, finish, marker) = match kind {
        "anthropic" => (chat::messages_stream(&texts), "event: message_delta", "event: message_stop"),
        _ => (chat::stream(&texts), "\"finish_reason\":\"stop\"", "data: [DONE]"),
    };
    second.always(Script::sse().chunk(&stream).end());
    let (finish, marker) = (stream.find(finish).unwrap(), stream.find(marker).unwrap());
    let content = stream.find("naïve").unwrap() + "naïve \"".len();
    let rounds = volume(STREAMS);
    let one = async |round: usize| {
        let cut = [Cut::Rst, Cut::Fin, Cut::Clean][round % 3];
        // Before the last brace of the event in front of the marker: a finished answer may lack its marker at a clean end.
        let at = fastrand::Rng::with_seed(round as u64).usize(0..marker - 2);
        let what = format!("{kind}, {cut:?} after {at} of {} bytes", stream.len());
        let ask = Ask::new(format!("{round}"), true).model("both").says(texts.concat());
        let script = Script::sse().chunks([&stream.as_bytes()[..at]]);
        plan.set(
            &ask.id,
            match cut {
                Cut::Rst => script.rst(),
                Cut::Fin => script.fin(),
                Cut::Clean => script.end(),
            },
        );
        let told = ask.of(&sidecar).await;
        let answer = told.answer.as_ref().unwrap();
        if answer.head.header("x-llm-provider") == Some("second") {
            assert!(at < content + 200, "{what}: asked again although content had come");
            answer.assert_whole();
        } else {
            assert_not_whole(answer, &what);
            if at < finish {
                assert!(!answer.text().contains("\"finish_reason\":\"stop\""), "{what}: {}", answer.text());
            }
        }
        told
    };
    let told = many(rounds, AT_ONCE, one).await;
    let failed_over = second.count();
    assert!(failed_over > 0 && rounds - failed_over > rounds / 3, "{failed_over} of {rounds}");
    // Once to the first vendor, and once to the second where the first had said nothing: a broken stream was asked for once.
    assert_eq!(first.count(), rounds, "a request was sent to the same vendor twice");
    let broken = told.iter().filter(|told| told.answer.as_ref().is_some_and(|answer| answer.end != End::Clean)).count();
    assert_eq!(broken + failed_over, rounds);
    tell("R02 R03", format_args!("{kind}: {rounds} streams cut, {broken} visible errors, {failed_over} failed over, none asked for twice"));
    invariants::check(&sidecar, &[&first, &second], &told).await;
}

#[tokio::test]
async fn r02_r03_relayed_streams_cut_anywhere() {
    streams_cut_anywhere("openai_compatible").await;
}

#[tokio::test]
async fn r02_r03_translated_streams_cut_anywhere() {
    streams_cut_anywhere("anthropic").await;
}

async fn whole_answers_cut_anywhere(kind: &str) -> usize {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let sidecar = start(kind, &first, &second).await;
    let plans = [Plan::of(&first), Plan::of(&second)];
    let body = chat::completion("hello").to_string();
    let rounds = volume(ANSWERS);
    let one = async |round: usize| -> Told {
        let at = fastrand::Rng::with_seed(round as u64).usize(0..body.len());
        let by_length = Script::answer_of(200, "application/json", body.len(), &body[..at]);
        let chunked =
            Script::head(200, &[("content-type", "application/json"), ("transfer-encoding", "chunked")]).chunks([&body.as_bytes()[..at]]);
        let until_close = Script::head(200, &[("content-type", "application/json")]).raw(&body[..at]);
        let script = match round % 5 {
            0 => by_length.rst(),
            1 => by_length.fin(),
            2 => chunked.fin(),
            3 => chunked.end(),
            _ => until_close.fin(),
        };
        let ask = Ask::new(format!("{round}"), false).model("both");
        plans.iter().for_each(|plan| plan.set(&ask.id, script.clone()));
        let told = ask.of(&sidecar).await;
        let answer = told.answer.as_ref().unwrap();
        assert_eq!(answer.status(), 502, "{kind}, round {round}, {at} bytes: {}", answer.text());
        assert!(answer.json()["error"]["code"].as_str().is_some_and(|code| code.starts_with("upstream_")), "{}", answer.text());
        told
    };
    let told = many(rounds, AT_ONCE, one).await;
    assert_eq!((first.count(), second.count()), (rounds, rounds));
    invariants::check(&sidecar, &[&first, &second], &told).await;
    rounds
}

#[tokio::test]
async fn r02_whole_answers_cut_anywhere() {
    let _turn = turn::shared().await;
    let rounds = whole_answers_cut_anywhere("openai_compatible").await + whole_answers_cut_anywhere("anthropic").await;
    tell("R02", format_args!("{rounds} whole answers cut, as many times 502"));
}

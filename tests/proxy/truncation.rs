//! A cut answer is never taken for a whole one, and never asked for twice once a client has seen some of it (R02, R03, rows
//! 81 and 82).

use serde_json::Value;

use crate::support::chat;
use crate::support::client::{Answer, End};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const CUTS: usize = 150;

/// How the upstream's body ends too early.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Rst,
    Fin,
    /// The body ends by its own framing, only the stream does not.
    Clean,
}

/// Two vendors that may both be asked, by a client of OpenAI's dialect.
async fn start(kind: &str, first: &Upstream, second: &Upstream) -> Sidecar {
    let path = if kind == "anthropic" { "" } else { "/v1" };
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{type: {kind}, base_url: \"http://{}{path}\", api_key: k, models: [m], retry: {{attempts: 3, backoff: 1ms..2ms}}}}\n",
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

fn request(stream: bool) -> Value {
    let mut body = chat::request(stream);
    body["model"] = "both".into();
    body
}

fn assert_not_whole(answer: &Answer, what: &str) {
    assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
    assert_ne!(answer.end, End::Clean, "{what}: {}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{what}: {}", answer.text());
    let last: Value = answer.events().last().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
    assert!(last["error"]["code"].as_str().is_some_and(|code| code.starts_with("upstream_")), "{what}: {}", answer.text());
}

async fn streams_cut_anywhere(kind: &str) {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let sidecar = start(kind, &first, &second).await;
    let texts = ["naïve ", "漢字 😀 ", "and ", "more"];
    let (stream, finish, marker) = match kind {
        "anthropic" => (chat::messages_stream(&texts), "event: message_delta", "event: message_stop"),
        _ => (chat::stream(&texts), "\"finish_reason\":\"stop\"", "data: [DONE]"),
    };
    second.always(Script::sse().chunk(&stream).end());
    let (finish, marker) = (stream.find(finish).unwrap(), stream.find(marker).unwrap());
    let content = stream.find("naïve").unwrap() + "naïve \"".len();
    let mut random = fastrand::Rng::with_seed(2);
    let (mut failed_over, mut told) = (0, 0);
    for round in 0..CUTS {
        let cut = [Cut::Rst, Cut::Fin, Cut::Clean][round % 3];
        let at = random.usize(0..marker);
        let what = format!("{kind}, {cut:?} after {at} of {} bytes", stream.len());
        let script = Script::sse().chunks([&stream.as_bytes()[..at]]);
        first.script(match cut {
            Cut::Rst => script.rst(),
            Cut::Fin => script.fin(),
            Cut::Clean => script.end(),
        });
        let before = second.requests().len();
        let answer = sidecar.chat(&request(true)).await;
        if second.requests().len() > before {
            assert!(at < content + 200, "{what}: asked again although content had come");
            answer.assert_whole();
            assert_eq!(answer.streamed_text(), texts.concat(), "{what}");
            failed_over += 1;
        } else {
            assert_not_whole(&answer, &what);
            assert!(texts.concat().starts_with(&answer.streamed_text()), "{what}: {}", answer.text());
            if at < finish {
                assert!(!answer.text().contains("\"finish_reason\":\"stop\""), "{what}: {}", answer.text());
            }
            told += 1;
        }
    }
    assert!(failed_over > 0 && told > CUTS / 3, "{failed_over} {told}");
    assert_eq!(first.requests().len(), CUTS, "a request was sent to the same vendor twice");
    sidecar.wait_idle().await;
}

#[tokio::test]
async fn r02_r03_relayed_streams_cut_anywhere() {
    streams_cut_anywhere("openai_compatible").await;
}

#[tokio::test]
async fn r02_r03_translated_streams_cut_anywhere() {
    streams_cut_anywhere("anthropic").await;
}

#[tokio::test]
async fn r02_whole_answers_cut_anywhere() {
    for kind in ["openai_compatible", "anthropic"] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let sidecar = start(kind, &first, &second).await;
        let body = chat::completion("hello").to_string();
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..60 {
            let at = random.usize(0..body.len());
            let length = body.len().to_string();
            let by_length = Script::head(200, &[("content-type", "application/json"), ("content-length", &length)]).raw(&body[..at]);
            let chunked = Script::head(200, &[("content-type", "application/json"), ("transfer-encoding", "chunked")])
                .chunks([&body.as_bytes()[..at]]);
            let until_close = Script::head(200, &[("content-type", "application/json")]).raw(&body[..at]);
            for upstream in [&first, &second] {
                upstream.script(match round % 5 {
                    0 => by_length.clone().rst(),
                    1 => by_length.clone().fin(),
                    2 => chunked.clone().fin(),
                    3 => chunked.clone().end(),
                    _ => until_close.clone().fin(),
                });
            }
            let answer = sidecar.chat(&request(false)).await;
            assert_eq!(answer.status(), 502, "{kind}, round {round}, {at} bytes: {}", answer.text());
            assert!(answer.json()["error"]["code"].as_str().is_some_and(|code| code.starts_with("upstream_")), "{}", answer.text());
        }
        assert_eq!((first.requests().len(), second.requests().len()), (60, 60));
    }
}

#[tokio::test]
async fn rows_81_and_82_the_cut_has_its_name() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let begun = || Script::sse().data(chat::role()).data(chat::text("hello"));
    for (script, code) in [(begun().rst(), "upstream_reset"), (begun().end(), "upstream_stream_truncated")] {
        upstream.script(script);
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.streamed_text(), "hello");
        answer.assert_broken(code);
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        assert_eq!((&line["outcome"], &line["error"]), (&Value::from("truncated"), &Value::from(code)), "{line}");
    }
}

#[tokio::test]
async fn a_finished_answer_may_lack_its_marker_only_at_a_clean_end() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let finished = || Script::sse().data(chat::role()).data(chat::text("hello")).data(chat::finish());
    // Some vendors end without `[DONE]`; the client gets one.
    upstream.script(finished().end());
    sidecar.chat(&chat::request(true)).await.assert_whole();
    for script in [finished().rst(), finished().fin()] {
        upstream.script(script);
        assert_not_whole(&sidecar.chat(&chat::request(true)).await, "cut after the finish reason");
    }
}

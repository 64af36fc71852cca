//! What a kept answer looks like when it is given again.

use serde_json::{Value, json};

use super::{CACHED, OF_ONE_EXCHANGE, assert_result, counting, request, wait_results};
use crate::support::chat;
use crate::support::client::End;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Gate, Script, Upstream};

#[tokio::test]
async fn the_same_request_gets_the_kept_answer() {
    for stream in [false, true] {
        let upstream = counting().await;
        let sidecar = Sidecar::before(&upstream, CACHED).await;
        let first = sidecar.chat(&request(stream)).await;
        assert_result(&first, "miss");
        assert_eq!(first.head.header("x-llm-attempts"), Some("1"));
        sidecar.wait_idle().await;
        for _ in 0..3 {
            let again = sidecar.chat(&request(stream)).await;
            assert_result(&again, "hit");
            assert_eq!((again.text(), again.end), (first.text(), End::Clean));
            for same in [
                "content-type",
                "cache-control",
                "x-accel-buffering",
                "transfer-encoding",
                "content-length",
                "x-llm-provider",
                "x-llm-model",
            ] {
                assert_eq!(again.head.header(same), first.head.header(same), "{same}");
            }
            assert_eq!(again.head.header("x-llm-attempts"), Some("0"));
            assert_ne!(again.head.header("x-request-id"), first.head.header("x-request-id"));
            for (name, _) in OF_ONE_EXCHANGE {
                assert_eq!((first.head.header(name).is_some(), again.head.header(name)), (!stream, None), "{name}");
            }
            let line = sidecar.access(again.head.header("x-request-id").unwrap()).await;
            assert_eq!((&line["cache"], &line["outcome"], &line["attempts"]), (&json!("hit"), &json!("complete"), &json!(0)), "{line}");
            assert_eq!((&line["provider"], &line["prompt_tokens"]), (&json!("vendor"), &Value::Null), "{line}");
            assert_eq!(line["bytes"], first.body.len(), "{line}");
        }
        assert_eq!(upstream.count(), 1);
        wait_results(&sidecar, 3, 1, 0, 0).await;
        sidecar.wait_metric("llm_requests_total{provider=\"vendor\",model=\"m\",status=\"200\"}", 4.0).await;
        sidecar.wait_metric("llm_upstream_attempts_total{class=\"success\"}", 1.0).await;
        // Only what was billed.
        let tokens = if stream { 0.0 } else { 8.0 };
        sidecar.wait_metric("llm_tokens_total", tokens).await;
    }
}

#[tokio::test]
async fn a_stream_is_kept_to_its_very_end() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, CACHED)).await;
        let gate = Gate::default();
        let stream = if kind == "anthropic" { chat::messages_stream(&["one", "two"]) } else { chat::stream(&["one", "two"]) };
        let (begun, rest) = stream.split_at(stream.find("two").and_then(|at| stream[..at].rfind("\n\n")).unwrap() + 2);
        upstream.script(Script::sse().chunk(begun).gate(&gate).chunk(rest).end());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &request(true)).await;
        assert_eq!(client.head().await.status, 200);
        let mut first = client.piece().await.unwrap();
        gate.open();
        let (rest, end) = client.rest().await;
        first.extend_from_slice(&rest);
        assert_eq!(end, End::Clean);
        let again = sidecar.chat(&request(true)).await;
        assert_result(&again, "hit");
        again.assert_whole();
        assert_eq!(again.text(), String::from_utf8(first).unwrap(), "{kind}");
    }
}

#[tokio::test]
async fn a_translated_answer_is_kept_as_its_client_got_it() {
    let upstream = counting().await;
    let sidecar = Sidecar::before(&upstream, CACHED).await;
    for stream in [false, true] {
        let mut body = chat::messages(stream);
        body["model"] = json!("cached");
        body["temperature"] = json!(0);
        body["top_k"] = json!(5);
        let first = sidecar.post("/v1/messages", &body).await;
        assert_result(&first, "miss");
        assert_eq!(first.head.header("x-llm-dropped"), Some("top_k"));
        let again = sidecar.post("/v1/messages", &body).await;
        assert_result(&again, "hit");
        assert_eq!(again.text(), first.text());
        assert_eq!(again.head.header("x-llm-dropped"), Some("top_k"));
    }
    assert_eq!(upstream.count(), 2);
}

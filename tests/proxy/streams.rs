//! Streams: when their pieces leave, where they commit, and what an error inside them looks like (R42, rows 83 and 84).

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::client::End;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Gate, Script, Upstream};

#[tokio::test]
async fn r42_each_event_leaves_before_the_next_has_come() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
        let gate = Gate::default();
        let words = ["one", "two", "three"];
        let stream = if kind == "anthropic" { chat::messages_stream(&words) } else { chat::stream(&words) };
        let events: Vec<&str> = stream.split_inclusive("\n\n").collect();
        let script = events.iter().fold(Script::sse(), |script, event| script.chunk(event).gate(&gate));
        upstream.script(script.end());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        let mut seen = String::new();
        let mut committed = false;
        for event in &events {
            let word = words.iter().find(|word| event.contains(&format!("\"{word}\"")));
            if let Some(word) = word {
                if !committed {
                    assert_eq!(client.head().await.status, 200);
                    committed = true;
                }
                while !seen.contains(&format!("\"{word}\"")) {
                    seen += &String::from_utf8(client.piece().await.unwrap()).unwrap();
                }
            }
            gate.open();
        }
        let (rest, end) = client.rest().await;
        seen += &String::from_utf8(rest).unwrap();
        assert_eq!(end, End::Clean);
        assert!(seen.contains("[DONE]"), "{seen}");
    }
}

#[tokio::test]
async fn the_head_says_what_sdks_and_proxies_need() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.always(Script::sse().chunk(chat::stream(&["hello"])).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    let head = &answer.head;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!((head.header("cache-control"), head.header("x-accel-buffering")), (Some("no-cache"), Some("no")));
    assert_eq!((head.header("content-length"), head.header("x-llm-provider")), (None, Some("vendor")));
    assert_eq!((head.header("x-llm-model"), head.header("x-llm-attempts")), (Some("m"), Some("1")));
}

#[tokio::test]
async fn usage_is_asked_for_and_kept_from_who_did_not() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}});
    let stream = chat::stream(&["hello"]).replace("data: [DONE]", &format!("data: {usage}\n\ndata: [DONE]"));
    upstream.always(Script::sse().chunk(&stream).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    assert!(!answer.text().contains("\"choices\":[]"), "{}", answer.text());
    assert_eq!(upstream.requests()[0].json()["stream_options"]["include_usage"], true);
    let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["prompt_tokens"], &line["completion_tokens"], &line["outcome"]), (&json!(5), &json!(7), &json!("complete")));
    let mut asking = chat::request(true);
    asking["stream_options"] = json!({"include_usage": true});
    let answer = sidecar.chat(&asking).await;
    assert!(answer.text().contains("\"completion_tokens\":7"), "{}", answer.text());
    // One record each, with the tokens of both.
    sidecar.wait_metric("llm_requests_total{provider=\"vendor\",model=\"m\",status=\"200\"}", 2.0).await;
    sidecar.wait_metric("llm_tokens_total{provider=\"vendor\",model=\"m\",type=\"completion\"}", 14.0).await;
}

#[tokio::test]
async fn row_83_an_event_that_is_not_json_breaks_the_stream() {
    for bad in ["{\"choices\": [", "not json at all"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::before(&upstream, "").await;
        upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).data(bad).data(chat::finish()).data("[DONE]").end());
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.streamed_text(), "hello", "{bad}: {}", answer.text());
        answer.assert_broken("upstream_invalid_event");
    }
}

#[tokio::test]
async fn row_84_a_vendors_error_inside_a_stream_is_told_with_its_words() {
    for (kind, begun, error) in [
        (
            "openai_compatible",
            format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello")),
            format!(
                "data: {}\n\n",
                json!({"error": {"message": "the vendor's words", "type": "server_error", "param": null, "code": "overloaded"}})
            ),
        ),
        (
            "anthropic",
            chat::messages_stream(&["hello"]).split("event: content_block_stop").next().unwrap().to_owned(),
            chat::named(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "the vendor's words"}})),
        ),
    ] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
        upstream.always(Script::sse().chunk(&begun).chunk(&error).end());
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.streamed_text(), "hello", "{kind}: {}", answer.text());
        assert_ne!(answer.end, End::Clean, "{kind}");
        let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
        assert!(last["error"]["message"].as_str().unwrap().contains("the vendor's words"), "{kind}: {last}");
        assert!(last["error"]["code"].is_string() || last["error"]["code"].is_null(), "{kind}: {last}");
        assert!(!answer.text().contains("[DONE]") && !answer.text().contains("\"finish_reason\":\"stop\""), "{}", answer.text());
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        assert_eq!(line["outcome"], "failed", "{line}");
    }
}

#[tokio::test]
async fn an_error_before_any_content_has_a_status() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider("anthropic", &upstream, "")).await;
    let error = chat::named(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}));
    upstream.always(Script::sse().chunk(chat::message_start()).chunk(error).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.head.header("content-type"), Some("application/json"));
    assert!(answer.text().contains("busy"), "{}", answer.text());
}

#[tokio::test]
async fn an_anthropic_client_is_told_in_its_own_events() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    let answer = sidecar.post("/v1/messages", &chat::messages(true)).await;
    assert_eq!((answer.status(), answer.end), (200, End::Clean), "{}", answer.text());
    let names: Vec<String> = answer.text().lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect();
    assert_eq!(names.first().map(String::as_str), Some("message_start"), "{names:?}");
    assert_eq!(names.last().map(String::as_str), Some("message_stop"), "{names:?}");
    upstream.script(Script::sse().data(chat::role()).data(chat::text("hello")).rst());
    let answer = sidecar.post("/v1/messages", &chat::messages(true)).await;
    assert_ne!(answer.end, End::Clean);
    assert!(answer.text().contains("event: error\n"), "{}", answer.text());
    assert!(!answer.text().contains("message_stop"), "{}", answer.text());
}

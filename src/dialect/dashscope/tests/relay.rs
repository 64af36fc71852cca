use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

use super::stream::STREAM;
use super::{quirks, reply};
use crate::dialect::dashscope::DashScope;
use crate::dialect::{Dialect, Quirks, Seen, To, Verdict};

#[test]
fn only_the_model_changes_and_the_path_stays() {
    let quirks = quirks();
    let to = To { model: "qwen-plus", quirks: &quirks, want_usage: true };
    let body = r#"{"model":"fast","input":{"messages":[ {"role":"user","content":"a"} ]},"parameters":{"top_p" : 0.80}}"#;
    for (path, header) in [("text-generation", None), ("multimodal-generation", Some("enable"))] {
        let mut headers = HeaderMap::new();
        headers.extend(header.map(|value| (http::HeaderName::from_static("x-dashscope-sse"), http::HeaderValue::from_static(value))));
        let path = format!("/services/aigc/{path}/generation");
        let asked = DashScope.with_head(&format!("/api/v1{path}"), &headers, Bytes::from_static(body.as_bytes()));
        let streams = DashScope.view(&asked).unwrap().stream;
        let envelope = DashScope.envelope(&to, streams, &asked);
        assert_eq!((envelope.path.as_ref(), envelope.headers.is_empty()), (path.as_str(), header.is_none()));
        assert_eq!(DashScope.edit_request(&asked, &to).unwrap().body, body.replace("fast", "qwen-plus"));
    }
}

#[test]
fn a_stream_is_whole_with_its_end_only() {
    for incremental in [true, false] {
        let reply = reply("text-generation", &json!({ "incremental_output": incremental }));
        let (mut tap, mut seen) = (DashScope.tap(&reply, &Quirks::default()), Seen::default());
        let frames: Vec<&str> = STREAM.split_inclusive("\n\n").collect();
        for (at, frame) in frames.iter().enumerate() {
            assert_eq!(tap.end(&mut seen).unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "before {at}");
            assert_eq!(tap.event(frame.as_bytes(), &mut seen), Verdict::Pass);
            assert!(seen.content);
        }
        assert_eq!((tap.end(&mut seen), seen.done, seen.usage.map(|usage| usage.total())), (Ok(Vec::new()), true, Some(18)));
        assert_eq!(seen.said, if incremental { 22 } else { 12 });
    }
}

#[test]
fn errors_end_the_relay() {
    let mut tap = DashScope.tap(&reply("text-generation", &json!({})), &Quirks::default());
    let failed = tap.event(b"event:error\ndata:{\"code\":\"InternalError\",\"message\":\"boom\"}\n\n", &mut Seen::default());
    assert!(matches!(failed, Verdict::Fail(error) if error.status == 500 && error.message == "boom"));
    let broken = tap.event(b"data:{\"output\":\n\n", &mut Seen::default());
    assert!(matches!(broken, Verdict::Fail(error) if error.code.as_deref() == Some("upstream_invalid_event")));
    assert_eq!(tap.event(b":keep-alive\n\n", &mut Seen::default()), Verdict::Pass);
    let edit =
        |body: &'static str| DashScope.edit_response(Bytes::from_static(body.as_bytes()), &reply("", &json!({})), &Quirks::default());
    let whole = edit(r#"{"output":{"text":"a","finish_reason":"stop"},"usage":{"input_tokens":1,"output_tokens":2}}"#).unwrap();
    assert_eq!(whole.usage.map(|usage| usage.total()), Some(3));
    assert_eq!(edit(r#"{"output":{"text":"a","finish_reason":"null"}}"#).unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
    assert_eq!(edit(r#"{"code":"Throttling","message":"slow"}"#).unwrap_err().status, 429);
}

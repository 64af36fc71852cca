//! Chat requests and the vendor answers to them that most tests use.

use serde_json::{Value, json};

/// A chat completion request for the model `vendor/m`.
pub fn request(stream: bool) -> Value {
    json!({"model": "vendor/m", "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

/// A Messages request for the same.
pub fn messages(stream: bool) -> Value {
    json!({"model": "vendor/m", "stream": stream, "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]})
}

/// A chunk of a stream with this delta.
pub fn delta(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]})
}

/// The chunk that names the role and has no content.
pub fn role() -> Value {
    delta(json!({"role": "assistant", "content": ""}))
}

pub fn text(text: &str) -> Value {
    delta(json!({"content": text}))
}

pub fn finish() -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}]})
}

/// A whole answer.
pub fn completion(text: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}})
}

/// The events of a whole stream that says these texts.
pub fn stream(texts: &[&str]) -> String {
    let mut events = vec![role()];
    events.extend(texts.iter().map(|t| text(t)));
    events.push(finish());
    let mut out: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    out.push_str("data: [DONE]\n\n");
    out
}

/// An event of the Messages stream.
pub fn named(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

/// The beginning of a Messages stream: no content yet.
pub fn message_start() -> String {
    named(&json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 1}}}))
}

/// A Messages stream that says these texts in one block.
pub fn messages_stream(texts: &[&str]) -> String {
    let mut out = message_start();
    out += &named(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
    out += &named(&json!({"type": "ping"}));
    for text in texts {
        out += &named(&json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}));
    }
    out += &named(&json!({"type": "content_block_stop", "index": 0}));
    out += &named(
        &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
    );
    out + &named(&json!({"type": "message_stop"}))
}

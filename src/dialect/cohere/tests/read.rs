use serde_json::{Value, json};

use super::{call, reply, result, text, thinking};
use crate::chat::{
    ApiError, Choice, Citation, DialectId, FinishReason, Media, OutputFormat, PartKind, Reasoning, Request, Response, Role, ToolChoice,
    ToolKind, Usage,
};
use crate::dialect::Dialect;
use crate::dialect::cohere::Cohere;

fn read(body: &Value) -> Result<Request, ApiError> {
    Cohere.read_request(body.to_string().as_bytes())
}

#[test]
fn a_clients_request_is_read() {
    let read = read(&json!({"model": "fast", "max_tokens": 9, "p": 0.5, "k": 0, "seed": 3, "logprobs": true, "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "token_budget": 500}, "tool_choice": "REQUIRED", "strict_tools": true, "safety_mode": "STRICT",
        "priority": 5, "citation_options": {"mode": "FAST"}, "temperature": null,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "response_format": {"type": "json_object", "json_schema": {"type":  "object"}},
        "messages": [{"role": "system", "content": [{"type": "text", "text": "be brief"}]}, {"role": "user", "content": "hi"}]}))
    .unwrap();
    assert!(!read.stream && read.include_usage);
    let sampling = &read.sampling;
    assert_eq!((sampling.max_tokens, sampling.top_k, sampling.seed, sampling.logprobs), (Some(9), None, Some(3), Some(true)));
    assert_eq!((sampling.top_p.as_ref().and_then(serde_json::Number::as_f64), read.stop), (Some(0.5), vec!["END".to_owned()]));
    assert_eq!((read.reasoning, read.tool_choice), (Some(Reasoning::Budget(500)), Some(ToolChoice::Required)));
    assert!(matches!(&read.tools[0].kind, ToolKind::Function { name, strict: Some(true), .. } if name == "f"));
    assert!(matches!(&read.output, OutputFormat::JsonSchema { schema, .. } if schema.get() == r#"{"type":"object"}"#));
    assert_eq!(Value::Object(read.extra), json!({"safety_mode": "STRICT", "priority": 5, "citation_options": {"mode": "FAST"}}));
    assert_eq!(read.messages.iter().map(|message| message.role).collect::<Vec<_>>(), [Role::System, Role::User]);
}

#[test]
fn a_conversation_is_read_with_its_plans_results_and_documents() {
    let read = read(&json!({"model": "fast",
        "documents": ["a text", {"id": "d1", "data": {"title": "T", "snippet": "S"}}, {"id": "d2", "data": {"text": "only"}}],
        "messages": [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}], "tool_plan": "I look.",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {"id": "2", "function": {"name": "g"}}]},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "document", "document": {"id": "x", "data": {"a": 1, "b": 2}}}, {"type": "text", "text": "t"}]},
            {"role": "tool", "tool_call_id": "1", "content": "one"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AA", "detail": "low"}}, {"type": "sound", "n": 1}]},
        ]}))
    .unwrap();
    let kinds = |at: usize| read.messages[at].parts.iter().map(|part| part.kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(0), [text("first")]);
    assert_eq!(kinds(1), [thinking("hm"), text("I look."), call("1", "f", "{}"), call("2", "g", "")]);
    assert_eq!(kinds(2), [result("2", vec![text(r#"{"a":1,"b":2}"#), text("t")]), result("1", vec![text("one")])]);
    let document = |text: &str, name: Option<&str>| PartKind::Document { source: Media::Text(text.into()), name: name.map(str::to_owned) };
    let image = Media::Base64 { media_type: "image/jpeg".into(), data: "AA".into() };
    let expected = [
        document("a text", None),
        document(r#"{"title":"T","snippet":"S"}"#, Some("d1")),
        document("only", Some("d2")),
        PartKind::Image { source: image, detail: Some("low".into()) },
        PartKind::Native { dialect: DialectId::Cohere, value: json!({"type": "sound", "n": 1}) },
    ];
    assert_eq!(kinds(3), expected, "the documents go with the last question");
}

#[test]
fn bad_shapes_are_named() {
    let good = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    for (key, value, code, param) in [
        ("model", json!(null), "missing_required_parameter", "model"),
        ("model", json!(""), "invalid_value", "model"),
        ("stream", json!("yes"), "invalid_type", "stream"),
        ("max_tokens", json!(-1), "invalid_type", "max_tokens"),
        ("messages", json!("a"), "invalid_type", "messages"),
        ("messages", json!([1]), "invalid_type", "messages[0]"),
        ("messages", json!([{"role": "root"}]), "invalid_value", "messages[0].role"),
        ("messages", json!([{"role": "tool", "content": "x"}]), "missing_required_parameter", "messages[0].tool_call_id"),
        ("messages", json!([{"role": "user", "content": 7}]), "invalid_type", "messages[0].content"),
        ("messages", json!([{"role": "user", "content": [{"type": "text"}]}]), "invalid_type", "messages[0].content[0]"),
        ("documents", json!([1]), "invalid_type", "documents[0]"),
        ("tools", json!([{"type": "function"}]), "invalid_type", "tools[0]"),
        ("tool_choice", json!("auto"), "invalid_value", "tool_choice"),
        ("response_format", json!({"type": "xml"}), "invalid_value", "response_format"),
        ("thinking", json!({"type": "maybe"}), "invalid_value", "thinking"),
        ("thinking", json!(true), "invalid_type", "thinking"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.code.as_deref(), error.param.as_deref()), (400, Some(code), Some(param)), "{body}");
    }
    assert!(Cohere.view(good.to_string().as_bytes()).is_ok());
    assert_eq!(Cohere.view(b"{\"model\":").unwrap_err().code.as_deref(), Some("invalid_json"));
    let lonely = json!({"model": "m", "documents": ["d"], "messages": [{"role": "system", "content": "a"}]});
    assert_eq!(read(&lonely).unwrap_err().param.as_deref(), Some("documents"));
}

#[test]
fn a_vendors_whole_answer_is_read() {
    let citation = json!({"start": 0, "end": 2, "text": "It", "sources": [{"type": "tool", "id": "f_1:0", "tool_output": {"content": "x"}}],
        "content_index": 1, "type": "TEXT_CONTENT"});
    let body = json!({"id": "a", "finish_reason": "COMPLETE", "message": {"role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "It is 20°"}], "citations": [citation]},
        "usage": {"billed_units": {"input_tokens": 1.0, "output_tokens": 2.0}, "tokens": {"input_tokens": 496.0, "output_tokens": 11.0}, "cached_tokens": 144.0},
        "logprobs": [{"text": "It", "token_ids": [5], "logprobs": [-0.5]}]});
    let read = Cohere.read_response(body.to_string().as_bytes()).unwrap();
    let usage = Usage { prompt: 496, completion: 11, cached: Some(144), ..Usage::default() };
    assert_eq!((read.id.as_deref(), read.usage), (Some("a"), Some(usage)));
    let choice = &read.choices[0];
    assert_eq!(choice.parts.iter().map(|part| part.kind.clone()).collect::<Vec<_>>(), [thinking("hm"), text("It is 20°")]);
    assert_eq!(choice.citations, [Citation { start: Some(0), end: Some(2), native: Some(citation), ..Citation::default() }]);
    assert_eq!(choice.logprobs.as_ref().unwrap()["content"][0]["logprob"], -0.5);

    let planned = json!({"id": "a", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_plan": "I look.",
        "tool_calls": [{"id": "f_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}});
    let read = Cohere.read_response(planned.to_string().as_bytes()).unwrap();
    let kinds: Vec<PartKind> = read.choices[0].parts.iter().map(|part| part.kind.clone()).collect();
    assert_eq!((kinds, read.choices[0].finish), (vec![text("I look."), call("f_1", "f", r#"{"a":1}"#)], FinishReason::ToolCalls));
    assert_eq!(read.usage, None);
}

#[test]
fn what_is_no_whole_answer_is_an_error() {
    for (body, status, code) in [
        ("{}", 502, "upstream_invalid_response"),
        ("<html>", 502, "upstream_invalid_response"),
        (r#"["a","COMPLETE",{}]"#, 502, "upstream_invalid_response"),
        (r#"{"id":"a","finish_reason":"COMPLETE","message":{"content":[{"type":"text","te"#, 502, "upstream_invalid_response"),
        (r#"{"id":"a","message":{"content":[]}}"#, 502, "upstream_invalid_response"),
        (r#"{"id":"a","message":"boom"}"#, 502, "upstream_error"),
        (r#"{"id":"a","finish_reason":"ERROR","message":{"role":"assistant"}}"#, 502, "upstream_error"),
        (r#"{"id":"a","finish_reason":"TIMEOUT","message":{"role":"assistant"}}"#, 504, "upstream_timeout"),
    ] {
        let error = Cohere.read_response(body.as_bytes()).unwrap_err();
        assert_eq!((error.status, error.code.as_deref()), (status, Some(code)), "{body}");
    }
}

#[test]
fn a_whole_answer_is_told_in_coheres_words() {
    let write = |kinds: Vec<PartKind>, finish| {
        let choice = Choice { parts: kinds.into_iter().map(Into::into).collect(), finish, ..Choice::default() };
        let usage = Some(Usage { prompt: 4, completion: 2, cached: Some(1), ..Usage::default() });
        let response = Response { id: Some("a".into()), choices: vec![choice], usage, ..Response::default() };
        serde_json::from_slice::<Value>(&Cohere.write_response(response, &reply())).unwrap()
    };
    let counts = json!({"input_tokens": 4, "output_tokens": 2});
    let expected = json!({"id": "a", "finish_reason": "TOOL_CALL", "message": {"role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}], "tool_plan": "I look.",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        "usage": {"billed_units": counts, "tokens": counts, "cached_tokens": 1}});
    assert_eq!(write(vec![thinking("hm"), text("I look."), call("1", "f", "")], FinishReason::ToolCalls), expected);
    let empty = write(Vec::new(), FinishReason::Length);
    assert_eq!((&empty["finish_reason"], &empty["message"]["content"]), (&json!("MAX_TOKENS"), &json!([{"type": "text", "text": ""}])));
}

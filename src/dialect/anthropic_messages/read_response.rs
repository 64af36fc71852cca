//! Reads a vendor's whole answer.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, AnswerBlock, JSON_TOOL, StopDetails};
use super::usage::WireUsage;
use super::{error, stop};
use crate::chat::{ApiError, Choice, Part, PartKind, Response, Usage};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
    #[serde(default)]
    stop_details: Option<StopDetails>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// Reads a whole answer; an error in a body with a success status is an error.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    check_error(body)?;
    let message: Message<'_> = serde_json::from_slice(body).map_err(|_| invalid())?;
    let mut choice = Choice::default();
    let mut length = 0;
    let mut called = false;
    for raw in message.content {
        let kind = match AnswerBlock::read(raw).map_err(|_| invalid())? {
            AnswerBlock::Text { text, citations } => {
                let start = length;
                length += text.chars().count() as u64;
                choice.citations.extend(citations.into_iter().map(|c| answer::citation(c, start, length)));
                PartKind::Text(text)
            }
            AnswerBlock::Thinking { text, signature } => PartKind::Thinking { text, signature },
            AnswerBlock::RedactedThinking { data } => PartKind::RedactedThinking { data },
            AnswerBlock::ToolUse { id, name, input } => {
                let arguments = input.unwrap_or_else(|| "{}".to_owned());
                if name == JSON_TOOL {
                    length += arguments.chars().count() as u64;
                    PartKind::Text(arguments)
                } else {
                    called = true;
                    PartKind::ToolCall { id, name, arguments, custom: false }
                }
            }
            AnswerBlock::Other => continue,
        };
        choice.parts.push(Part::from(kind));
    }
    if let Some(explanation) = message.stop_details.and_then(|d| d.explanation).filter(|e| !e.is_empty()) {
        choice.parts.push(Part::from(PartKind::Refusal(explanation)));
    }
    choice.finish = stop::to_finish(message.stop_reason.as_deref(), called);
    choice.stop_sequence = message.stop_sequence;
    Ok(Response {
        id: message.id,
        model: message.model,
        created: None,
        choices: vec![choice],
        usage: message.usage.map(read_usage).transpose()?,
        service_tier: message.usage.and_then(service_tier),
    })
}

/// The error that a body with a success status tells, if it tells one.
pub(super) fn check_error(body: &[u8]) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        #[serde(default)]
        error: Option<serde::de::IgnoredAny>,
    }
    // Nearly all answers neither say the word nor spell it with escapes, and need no second look.
    if memmem::find(body, b"error").is_none() && memmem::find(body, b"\\u").is_none() {
        return Ok(());
    }
    match serde_json::from_slice::<Head>(body) {
        Ok(head) if head.error.is_some() || head.kind.as_deref() == Some("error") => Err(error::read_error(200, body)),
        Ok(_) => Ok(()),
        Err(_) => Err(invalid()),
    }
}

/// The 502 for a body that is cut or not an Anthropic message.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole Anthropic message")
}

fn read_usage(raw: &RawValue) -> Result<Usage, ApiError> {
    serde_json::from_str::<WireUsage>(raw.get()).map(WireUsage::to_hub).map_err(|_| invalid())
}

/// In the words of the hub's clients: Anthropic's `standard` is their `default`.
fn service_tier(usage: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Tier {
        service_tier: Option<String>,
    }
    let tier = serde_json::from_str::<Tier>(usage.get()).ok()?.service_tier?;
    match tier.as_str() {
        "standard" => Some("default".to_owned()),
        "priority" => Some(tier),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ErrorKind, FinishReason};

    #[test]
    fn every_block_becomes_its_part() {
        let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
            {"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"xx"},
            {"type":"text","text":"é1"},
            {"type":"text","text":"two","citations":[{"type":"web_search_result_location","url":"https://a","title":"A"}]},
            {"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1}},
            {"type":"tool_use","id":"t1","name":"f","input":{"b":1,"a":[2]}},{"type":"tool_use","id":"t2","name":"g","input":{}}],
            "stop_reason":"tool_use","stop_sequence":null,
            "usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":4,"service_tier":"standard"}}"#;
        let response = read_response(body.as_bytes()).unwrap();
        let choice = &response.choices[0];
        let kinds: Vec<_> = choice.parts.iter().map(|p| p.kind.clone()).collect();
        let call = |id: &str, name: &str, arguments: &str| PartKind::ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            custom: false,
        };
        assert_eq!(
            kinds,
            [
                PartKind::Thinking { text: "hm".into(), signature: Some("sig".into()) },
                PartKind::RedactedThinking { data: "xx".into() },
                PartKind::Text("é1".into()),
                PartKind::Text("two".into()),
                call("t1", "f", r#"{"b":1,"a":[2]}"#),
                call("t2", "g", "{}"),
            ]
        );
        let cited = &choice.citations[0];
        assert_eq!((cited.start, cited.end, cited.url.as_deref()), (Some(2), Some(5), Some("https://a")));
        assert_eq!(choice.finish, FinishReason::ToolCalls);
        assert_eq!(response.usage.unwrap().prompt, 5);
        assert_eq!(response.service_tier.as_deref(), Some("default"));
    }

    #[test]
    fn structured_output_by_tool_is_unwrapped() {
        let body = r#"{"content":[{"type":"tool_use","id":"t","name":"json_tool_call","input":{"rating":5}}],"stop_reason":"tool_use"}"#;
        let response = read_response(body.as_bytes()).unwrap();
        assert_eq!(response.choices[0].parts[0].kind, PartKind::Text(r#"{"rating":5}"#.into()));
        assert_eq!(response.choices[0].finish, FinishReason::Stop);
    }

    #[test]
    fn a_refusal_tells_its_reason() {
        let body = r#"{"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"no"}}"#;
        let choice = read_response(body.as_bytes()).unwrap().choices.remove(0);
        assert_eq!((choice.finish, &choice.parts[0].kind), (FinishReason::ContentFilter, &PartKind::Refusal("no".into())));
    }

    #[test]
    fn errors_cut_bodies_and_other_formats_are_errors() {
        let error = read_response(br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#).unwrap_err();
        assert_eq!((error.status, error.kind), (503, ErrorKind::Overloaded));
        for body in ["", "<html>", r#"{"content":[{"type":"te"#, r#"{"choices":[]}"#, "[]"] {
            assert_eq!(read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some("upstream_invalid_response"), "{body}");
        }
    }
}

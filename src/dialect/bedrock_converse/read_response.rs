//! Reads a vendor's whole answer.

use serde_json::value::RawValue;

use super::answer::{self, Answer, JSON_TOOL, WireBlock, invalid};
use super::{stop, tool_name};
use crate::chat::{ApiError, Choice, PartKind, Response};

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| invalid())?;
    let mut choice = Choice::default();
    let mut length = 0;
    for block in answer.output.message.content {
        read_block(block, &mut choice, &mut length);
    }
    let called = choice.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    choice.finish = stop::read(&answer.stop_reason, called, choice.parts.is_empty())?;
    choice.stop_sequence = answer::stop_sequence(answer.additional_model_response_fields.as_ref());
    Ok(Response {
        choices: vec![choice],
        usage: answer::counted(answer.usage, answer.service_tier.as_ref()),
        service_tier: answer.service_tier.map(|tier| tier.r#type),
        ..Response::default()
    })
}

/// Adds a block's part. `length` counts the characters of text so far.
fn read_block(block: WireBlock<'_>, choice: &mut Choice, length: &mut u64) {
    if let Some(text) = block.text {
        push_text(text, choice, length);
    }
    if let Some(cited) = block.citations_content {
        let start = *length;
        push_text(cited.content.into_iter().map(|part| part.text).collect(), choice, length);
        choice.citations.extend(cited.citations.into_iter().map(|native| answer::citation(native, start, *length)));
    }
    if let Some(call) = block.tool_use.filter(|call| !call.is_vendors()) {
        let arguments = call.input.map_or("{}", RawValue::get).to_owned();
        if call.name == JSON_TOOL {
            push_text(arguments, choice, length);
        } else {
            let name = tool_name::original(call.name);
            choice.parts.push(PartKind::ToolCall { id: call.tool_use_id, name, arguments, custom: false }.into());
        }
    }
    if let Some(reasoning) = block.reasoning_content {
        choice.parts.extend(reasoning.redacted().map(|data| PartKind::RedactedThinking { data }.into()));
        if let Some(thinking) = reasoning.reasoning_text {
            let signature = thinking.signature.filter(|signature| !signature.is_empty());
            choice.parts.push(PartKind::Thinking { text: thinking.text, signature }.into());
        }
    }
}

fn push_text(text: String, choice: &mut Choice, length: &mut u64) {
    if !text.is_empty() {
        *length += text.chars().count() as u64;
        choice.parts.push(PartKind::Text(text).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::service_tier::ServiceTier;
    use crate::chat::FinishReason;

    #[test]
    fn every_block_becomes_its_part() {
        let body = r#"{"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}},{"reasoningContent":{"redactedContent":"RXU4RQ=="}},
            {"text":"é1"},{"citationsContent":{"content":[{"text":"two"}],"citations":[{"title":"A","location":{"web":{"url":"https://a"}}}]}},
            {"toolUse":{"toolUseId":"s","name":"nova_grounding","input":{"q":1},"type":"server_tool_use"}},
            {"toolResult":{"toolUseId":"s","content":[],"status":"success"}},
            {"toolUse":{"toolUseId":"t1","name":"a_x2e_b","input":{"b":1.50,"a":[2]}}},{"toolUse":{"toolUseId":"t2","name":"g","input":{}}}]}},
            "stopReason":"tool_use","usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"serviceTier":{"type":"flex"},
            "additionalModelResponseFields":{"stop_sequence":null}}"#;
        let response = read_response(body.as_bytes()).unwrap();
        let choice = &response.choices[0];
        let kinds: Vec<_> = choice.parts.iter().map(|part| part.kind.clone()).collect();
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
                PartKind::RedactedThinking { data: "Eu8E".into() },
                PartKind::Text("é1".into()),
                PartKind::Text("two".into()),
                call("t1", "a.b", r#"{"b":1.50,"a":[2]}"#),
                call("t2", "g", "{}"),
            ]
        );
        let cited = &choice.citations[0];
        assert_eq!(
            (cited.url.as_deref(), cited.title.as_deref(), cited.start, cited.end),
            (Some("https://a"), Some("A"), Some(2), Some(5))
        );
        assert_eq!(
            (choice.finish, response.usage.map(|usage| (usage.total(), usage.tier))),
            (FinishReason::ToolCalls, Some((7, ServiceTier::Flex)))
        );
        assert_eq!((response.service_tier.as_deref(), choice.stop_sequence.as_deref()), (Some("flex"), None));
    }

    #[test]
    fn an_emulated_format_is_unwrapped_and_what_is_no_answer_refused() {
        let body = |content: &str, reason: &str| {
            format!(
                r#"{{"output":{{"message":{{"content":[{content}]}}}},"stopReason":"{reason}","additionalModelResponseFields":{{"stop_sequence":"END"}}}}"#
            )
        };
        let json = body(r#"{"toolUse":{"toolUseId":"t","name":"json_tool_call","input":{"a": 1}}}"#, "tool_use");
        let choice = read_response(json.as_bytes()).unwrap().choices.remove(0);
        assert_eq!((&choice.parts[0].kind, choice.finish), (&PartKind::Text(r#"{"a": 1}"#.into()), FinishReason::Stop));
        assert_eq!(choice.stop_sequence.as_deref(), Some("END"));
        let code = |body: &str| read_response(body.as_bytes()).unwrap_err().code;
        assert_eq!(code(&body("", "malformed_model_output")).as_deref(), Some("upstream_error"));
        for bad in ["{}", "[]", r#"{"message":"no"}"#, &json[..json.len() - 1]] {
            assert_eq!(code(bad).as_deref(), Some("upstream_invalid_response"), "{bad}");
        }
    }
}

//! Writes a whole answer to a client.

use serde_json::Value;

use super::envelope::Envelope;
use super::{items, reasoning_item};
use crate::base::id;
use crate::chat::{Choice, PartKind, Response};
use crate::dialect::Reply;

/// The answer's JSON. Of several choices only the first fits in: this format has one answer.
pub(super) fn write_response(response: Response, reply: &Reply) -> Vec<u8> {
    let mut envelope = Envelope::new(reply);
    envelope.begin(response.id, response.model, response.created);
    let choice = response.choices.into_iter().next().unwrap_or_default();
    let output = output(&choice, &envelope);
    envelope.ended(choice.finish, &output, response.usage.as_ref()).0.to_string().into_bytes()
}

fn output(choice: &Choice, envelope: &Envelope) -> Vec<Value> {
    let mut output = Vec::with_capacity(choice.parts.len());
    let mut content = Vec::new();
    let mut citations: Vec<Value> = choice.citations.iter().filter_map(items::annotation).collect();
    let mut logprobs = choice.logprobs.as_ref().map(items::logprobs).unwrap_or_default();
    let say = |content: &mut Vec<Value>, output: &mut Vec<Value>| {
        if !content.is_empty() {
            output.push(items::message(&id::random("msg_", 32), "completed", &std::mem::take(content)));
        }
    };
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(text) => {
                content.push(items::output_text(text, &std::mem::take(&mut citations), &std::mem::take(&mut logprobs)));
            }
            PartKind::Refusal(text) => content.push(items::refusal(text)),
            PartKind::Thinking { text, signature } => {
                say(&mut content, &mut output);
                let proof = signature.as_deref().map(reasoning_item::proof_to_client);
                output.push(reasoning_item::to_client(&id::random("rs_", 32), text, proof.as_deref()));
            }
            PartKind::RedactedThinking { data } => {
                say(&mut content, &mut output);
                let proof = reasoning_item::redacted_to_client(data);
                output.push(reasoning_item::to_client(&id::random("rs_", 32), "", Some(&proof)));
            }
            PartKind::ToolCall { id: call_id, name, arguments, custom } => {
                say(&mut content, &mut output);
                let is_custom = *custom || envelope.is_custom(name);
                let prefix = if is_custom { "ctc_" } else { "fc_" };
                output.push(items::call(&id::random(prefix, 32), call_id, name, arguments, is_custom));
            }
            // An answer holds no other parts.
            PartKind::Image { .. }
            | PartKind::Audio { .. }
            | PartKind::Document { .. }
            | PartKind::ToolResult { .. }
            | PartKind::Native { .. } => {}
        }
    }
    say(&mut content, &mut output);
    output
}

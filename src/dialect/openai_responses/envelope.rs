//! The response object around the output items. Clients insist on finding there what they asked for.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::tools;
use super::usage::WireUsage;
use crate::base::id;
use crate::base::raw::RawObject;
use crate::chat::{FinishReason, Usage};
use crate::dialect::Reply;

/// The request's fields that the object repeats, and what they are where the request leaves them out.
const REPEATED: [(&str, &str); 17] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("service_tier", "null"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "null"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
];

/// What is the same in every form of the object.
pub(super) struct Envelope {
    pub(super) id: String,
    created: u64,
    model: String,
    repeated: Map<String, Value>,
    /// The tools that take free text.
    custom: Vec<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<()>,
    incomplete_details: Option<Value>,
    model: &'a str,
    output: &'a [Value],
    store: bool,
    usage: Option<WireUsage>,
    #[serde(flatten)]
    repeated: &'a Map<String, Value>,
}

impl Envelope {
    pub(super) fn new(reply: &Reply) -> Self {
        let request = RawObject::parse(&reply.request).unwrap_or_default();
        let mut repeated = Map::new();
        for (name, otherwise) in REPEATED {
            let text = request.get(name).map(serde_json::value::RawValue::get).filter(|text| *text != "null").unwrap_or(otherwise);
            repeated.insert(name.to_owned(), serde_json::from_str(text).unwrap_or_default());
        }
        Self {
            id: id::random("resp_", 32),
            created: reply.created,
            model: reply.upstream_model.clone(),
            repeated,
            custom: tools::custom_names(&reply.request),
        }
    }

    /// Takes what the vendor tells of its answer.
    pub(super) fn begin(&mut self, id: Option<String>, model: Option<String>, created: Option<u64>) {
        if let Some(own) = id.filter(|id| id.starts_with("resp_")) {
            self.id = own;
        }
        if let Some(model) = model.filter(|model| !model.is_empty()) {
            self.model = model;
        }
        self.created = created.unwrap_or(self.created);
    }

    pub(super) fn is_custom(&self, name: &str) -> bool {
        self.custom.iter().any(|custom| custom == name)
    }

    /// The object before its end.
    pub(super) fn in_progress(&self) -> Value {
        self.write("in_progress", None, &[], None)
    }

    /// The whole object, and whether it is complete.
    pub(super) fn ended(&self, finish: FinishReason, output: &[Value], usage: Option<&Usage>) -> (Value, bool) {
        let reason = match finish {
            FinishReason::Stop | FinishReason::ToolCalls => None,
            FinishReason::Length => Some("max_output_tokens"),
            FinishReason::ContentFilter => Some("content_filter"),
        };
        let status = if reason.is_none() { "completed" } else { "incomplete" };
        let usage = usage.copied().unwrap_or_default();
        (self.write(status, reason.map(|reason| json!({ "reason": reason })), output, Some(WireUsage::of(&usage))), reason.is_none())
    }

    fn write(&self, status: &'static str, incomplete_details: Option<Value>, output: &[Value], usage: Option<WireUsage>) -> Value {
        let body = Body {
            id: &self.id,
            object: "response",
            created_at: self.created,
            status,
            background: false,
            error: None,
            incomplete_details,
            model: &self.model,
            output,
            store: false,
            usage,
            repeated: &self.repeated,
        };
        // Strings, numbers and trees of them always serialise.
        serde_json::to_value(&body).unwrap_or_default()
    }
}

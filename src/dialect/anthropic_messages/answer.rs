//! The parts of an answer that whole answers and streams have in common, as they come from a vendor.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::chat::Citation;

/// The tool through which structured output is asked of models that have no such feature: its arguments are the answer's text.
pub(super) const JSON_TOOL: &str = "json_tool_call";

/// A content block. In a stream it is the start of one, mostly with empty fields.
pub(super) enum AnswerBlock {
    Text {
        text: String,
        citations: Vec<Value>,
    },
    Thinking {
        text: String,
        signature: Option<String>,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        /// The JSON text of the arguments, where they are there and not empty.
        input: Option<String>,
    },
    /// Tools that the vendor itself ran, their results, and what is yet to be invented.
    Other,
}

impl AnswerBlock {
    pub(super) fn read(raw: &RawValue) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        #[derive(Deserialize)]
        struct Text {
            #[serde(default)]
            text: String,
            #[serde(default)]
            citations: Option<Vec<Value>>,
        }
        #[derive(Deserialize)]
        struct Thinking {
            #[serde(default)]
            thinking: String,
            #[serde(default)]
            signature: Option<String>,
        }
        #[derive(Deserialize)]
        struct Redacted {
            data: String,
        }
        #[derive(Deserialize)]
        struct ToolUse<'a> {
            id: String,
            name: String,
            #[serde(borrow, default)]
            input: Option<&'a RawValue>,
        }
        let json = raw.get();
        Ok(match serde_json::from_str::<Kind>(json)?.r#type.as_str() {
            "text" => {
                let Text { text, citations } = serde_json::from_str(json)?;
                Self::Text { text, citations: citations.unwrap_or_default() }
            }
            "thinking" => {
                let Thinking { thinking, signature } = serde_json::from_str(json)?;
                Self::Thinking { text: thinking, signature: signature.filter(|s| !s.is_empty()) }
            }
            "redacted_thinking" => Self::RedactedThinking { data: serde_json::from_str::<Redacted>(json)?.data },
            "tool_use" => {
                let ToolUse { id, name, input } = serde_json::from_str(json)?;
                Self::ToolUse { id, name, input: input.and_then(input_text) }
            }
            _ => Self::Other,
        })
    }
}

/// The JSON text of a call's arguments, unless they are empty. Some vendors put that text into a string.
fn input_text(raw: &RawValue) -> Option<String> {
    let text = match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text,
        Err(_) => raw.get().to_owned(),
    };
    let empty = text.bytes().filter(|b| !b.is_ascii_whitespace()).eq(*b"{}") || text.trim().is_empty();
    (!empty).then_some(text)
}

/// What a `refusal` says beside the stop reason.
#[derive(Deserialize)]
pub(super) struct StopDetails {
    #[serde(default)]
    pub(super) explanation: Option<String>,
}

/// A citation of the text between two offsets, counted in characters.
pub(super) fn citation(native: Value, start: u64, end: u64) -> Citation {
    let text = |key: &str| native.get(key).and_then(Value::as_str).map(str::to_owned);
    Citation {
        url: text("url").or_else(|| text("source")),
        title: text("title").or_else(|| text("document_title")),
        start: Some(start),
        end: Some(end),
        native: Some(native),
    }
}

/// Whether a citation kept in its dialect's own words is one of this dialect's.
pub(super) fn is_own_citation(native: &Value) -> bool {
    native.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("_location"))
}

//! Edits of a request for vendors that cannot do everything at once: JSON by a schema, a forced tool or JSON while the model
//! thinks, a whole answer after it has thought.

use serde_json::{Value, json};

use super::edit::Edit;
use crate::base::raw::to_raw;
use crate::dialect::quirks::{JsonSchema, Streams};

impl Edit<'_, '_> {
    /// Takes a JSON schema back to what the vendor can do; the rest is said in words, which are returned.
    pub(super) fn lower_schema(&mut self) -> Option<String> {
        let how = self.quirks.json_schema?;
        let format = self.fields.get("response_format").and_then(|value| serde_json::from_str::<Value>(value.get()).ok())?;
        let schema = format.get("json_schema").and_then(|outer| outer.get("schema"))?;
        // The vendor does not vouch for what is only said.
        if format.pointer("/json_schema/strict") == Some(&Value::Bool(true)) {
            self.dropped.add("strict");
        }
        let instruction = format!("Answer with one JSON object, and nothing else, that is valid under this JSON Schema:\n{schema}");
        match how {
            JsonSchema::JsonObject => self.replace("response_format", to_raw(&json!({"type": "json_object"}))),
            JsonSchema::Instruction => {
                self.fields.remove("response_format");
            }
        }
        Some(instruction)
    }

    /// The instruction that JSON mode asks for, where the prompt does not speak of JSON.
    pub(super) fn ask_for_json(&self) -> Option<String> {
        let format = self.fields.get("response_format").filter(|_| self.quirks.json_word)?;
        let is_json =
            serde_json::from_str::<Value>(format.get()).is_ok_and(|format| format.get("type").is_some_and(|t| t == "json_object"));
        let speaks_of_it = self.fields.get("messages").is_some_and(|messages| messages.get().to_ascii_lowercase().contains("json"));
        (is_json && !speaks_of_it).then(|| "Answer with one JSON object, and nothing else.".to_owned())
    }

    /// Leaves out what is refused while the model thinks.
    pub(super) fn mind_thinking(&mut self) {
        if !self.is_true("enable_thinking") {
            return;
        }
        for name in &self.quirks.not_thinking {
            // A word chooses no tool.
            if name != "tool_choice" || self.fields.get(name).is_some_and(|choice| choice.get().starts_with('{')) {
                self.leave_out(name);
            }
        }
    }

    /// Asks for a stream where the vendor gives nothing else.
    pub(super) fn ask_for_stream(&mut self) {
        let only = match self.quirks.streams {
            None => false,
            Some(Streams::Always) => true,
            Some(Streams::Thinking) => self.is_true("enable_thinking"),
        };
        if only && !self.is_true("stream") {
            self.add("stream", to_raw(&true));
            self.add("stream_options", to_raw(&json!({"include_usage": true})));
        }
    }

    fn is_true(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| value.get() == "true")
    }
}

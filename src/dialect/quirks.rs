//! How a vendor deviates from its dialect: data, not code. A catalogue row holds a vendor's quirks, a provider's own
//! `quirks:` in the configuration lies on top of them. Field names are the dialect's (OpenAI's) unless said otherwise.
//!
//! Where a field is left out of a request it is named to the client (`Dropped`), unless its value says nothing anyway.

mod converse;
mod names;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::anthropic_messages::ClaudeQuirks;
use super::call_id::Form;
use super::gemini::GeminiQuirks;
pub use converse::{Beside, ConverseQuirks, ReasoningKept};
pub use names::fits;

/// Deviations of one vendor. Empty means the vendor keeps to its dialect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    pub request: RequestQuirks,
    pub response: ResponseQuirks,
    /// Further request quirks for some models. Every rule that matches applies, after `request`, in order.
    pub models: Vec<ModelRule>,
}

/// Request quirks of the models whose name at the vendor matches one of the patterns (`*` stands for any text).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRule {
    pub names: Vec<String>,
    /// Patterns of names that are exempt.
    #[serde(default)]
    pub except: Vec<String>,
    pub request: RequestQuirks,
}

/// What has to change in a request. Applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestQuirks {
    /// Fields that change the shape of the answer (`n`, `logprobs`) and are not supported: refused with 400.
    pub reject: Vec<String>,
    /// Words of string fields that the vendor spells otherwise: field -> OpenAI's word -> the vendor's. `null` leaves the field out.
    pub values: BTreeMap<String, BTreeMap<String, Value>>,
    /// Fields that others stand for, whatever they say: field -> the fields sent instead.
    pub instead: BTreeMap<String, Map<String, Value>>,
    /// What stands for `reasoning_effort`: effort word -> the fields sent instead. A word that is not listed leaves it out.
    pub effort: BTreeMap<String, Map<String, Value>>,
    /// How a `tool_choice` that names one tool is emulated where the vendor does not take it.
    pub named_tool: Option<NamedTool>,
    /// A function without `parameters` is refused; it gets an empty object's schema.
    pub fill_parameters: bool,
    /// What becomes of a `response_format` of type `json_schema` where the vendor does not take it.
    pub json_schema: Option<JsonSchema>,
    pub messages: MessageQuirks,
    /// What tool-call ids have to look like (`{code: 9}`: nine letters and digits; `{short: 40}`: at most 40 bytes; `{word: 64}`:
    /// at most 64 letters, digits, `_` and `-`); others are mapped to such, always in the same way.
    pub tool_call_id: Option<Form>,
    /// Fields with another name at the vendor.
    pub rename: BTreeMap<String, String>,
    /// The largest number the vendor takes in a field.
    pub caps: BTreeMap<String, Number>,
    /// Fields the vendor refuses or ignores.
    pub drop: Vec<String>,
    /// `stream_options` is refused; the usage comes unasked.
    pub no_stream_options: bool,
    /// If given, the vendor refuses every field (in the vendor's words) that is not listed.
    pub accept: Option<Vec<String>>,
    /// Embeddings come as numbers only: base64 is not asked for, but made of them.
    pub no_base64_vectors: bool,
    /// Fields that every request gets.
    pub fields: BTreeMap<String, Value>,
    /// The path names the model, and the body must not.
    pub model_in_path: bool,
    /// Calls and their results have no ids, and belong together by their order.
    pub no_call_ids: bool,
    /// A request to count tokens holds what counts itself, and not a whole request to generate.
    pub plain_count: bool,
    /// What a client says of a request for its own purposes can be sent as `labels`.
    pub labels: bool,
    /// Fields beyond OpenAI's that the vendor knows, so that a translated request may use them (`top_k`, `thinking_budget`).
    pub knows: Vec<String>,
    /// The field that marks a content part as worth caching.
    pub cache_hint: Option<CacheField>,
    /// The form in which an assistant turn's reasoning goes back to the vendor in later requests.
    pub reasoning_history: Option<ReasoningHistory>,
    /// JSON mode asks for the word JSON in the prompt; where it is missing an instruction is added.
    pub json_word: bool,
    /// Fields that are refused while `enable_thinking` is on: a `tool_choice` that forces a tool, a `response_format`.
    pub not_thinking: Vec<String>,
    /// When the vendor answers in streams only; a whole answer is put together of one.
    pub streams: Option<Streams>,
    /// DashScope: the model is asked at the endpoint for more than text.
    pub multimodal: bool,
    /// What the model takes of Anthropic's format, on top of what is known by its name.
    pub claude: Option<ClaudeQuirks>,
    /// The same of Gemini's.
    pub gemini: Option<GeminiQuirks>,
    /// Ollama's models: asked to think by level, and not to be told not to think.
    pub think_by_level: bool,
    /// What the model takes of the Converse API. Beside it only `effort` counts there: its fields are the model's own.
    pub converse: Option<ConverseQuirks>,
}

impl RequestQuirks {
    /// Whether these quirks could change a request that has the fields that `has` knows.
    pub fn concern(&self, has: impl Fn(&str) -> bool) -> bool {
        let Self { reject, values, effort, named_tool, fill_parameters, json_schema, messages, .. } = self;
        let Self { rename, caps, drop, no_stream_options, accept, instead, json_word, not_thinking, streams, .. } = self;
        let conditional = [
            (!effort.is_empty(), "reasoning_effort"),
            (named_tool.is_some(), "tool_choice"),
            (*fill_parameters, "tools"),
            (json_schema.is_some(), "response_format"),
            (*no_stream_options, "stream_options"),
            (*json_word, "response_format"),
            (!not_thinking.is_empty() || *streams == Some(Streams::Thinking), "enable_thinking"),
        ];
        let named = reject.iter().chain(drop).chain(values.keys()).chain(rename.keys()).chain(caps.keys()).chain(instead.keys());
        accept.is_some()
            || *streams == Some(Streams::Always)
            || !messages.is_empty()
            || conditional.iter().any(|(on, field)| *on && has(field))
            || named.map(String::as_str).any(has)
    }
}

/// What has to change in the messages. Applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageQuirks {
    /// Roles with another name at the vendor (`developer: system`).
    pub roles: BTreeMap<String, String>,
    /// A message's `name` is refused (a tool message's is kept).
    pub drop_name: bool,
    /// Further message fields that are refused.
    pub drop_fields: Vec<String>,
    /// Types of content parts that the vendor cannot read (`file`, `input_audio`, `image_url`): a note takes their place.
    pub unsupported_parts: Vec<String>,
    /// An image's `detail` is refused.
    pub drop_image_detail: bool,
    /// A `refusal` part of an assistant message is sent as text.
    pub refusal_as_text: bool,
    /// How an `input_audio` part is written.
    pub audio: Option<AudioForm>,
    /// A `file` part is written as `document_url`.
    pub file_as_document_url: bool,
    /// Content that is a list of texts only is sent as one string, joined by line feeds.
    pub flatten_text: bool,
    /// An assistant message with neither text nor calls gets this text.
    pub empty_assistant: Option<String>,
    /// All system messages become one, at the start.
    pub single_system: bool,
    /// Neighbouring messages of the same role (user, or assistant without calls) become one.
    pub merge_same_role: bool,
    /// The assistant text put between a tool's answer and a user message that follows it.
    pub assistant_after_tool: Option<String>,
    /// A last message of the assistant's, which the model goes on from, has to say so (`prefix: true`).
    pub prefix_last_assistant: bool,
}

impl MessageQuirks {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedTool {
    /// Only that tool is sent, with `tool_choice: required`.
    OnlyToolRequired,
    /// Only that tool is sent, without `tool_choice`.
    OnlyTool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonSchema {
    /// `json_object`, with the schema as an instruction in a system message.
    JsonObject,
    /// The instruction alone.
    Instruction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioForm {
    /// `input_audio.data` is a data URL.
    DataUrl,
    /// `input_audio` is the base64 text itself.
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheField {
    /// Anthropic's `cache_control: {type: ephemeral}`, passed on by some vendors.
    CacheControl,
    /// OpenAI's `prompt_cache_breakpoint`.
    PromptCacheBreakpoint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    Always,
    /// While `enable_thinking` is on.
    Thinking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningHistory {
    /// As `reasoning_content`, on turns with tool calls only.
    ContentWithToolCalls,
    /// As `reasoning_details`, signatures included.
    Details,
}

/// What has to change in an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponseQuirks {
    /// Answers do not keep to the letter of the dialect, so each is parsed, and what deviates is rewritten: role once and
    /// first, one id, model and creation time, dense tool indices with id and name once, arguments as text, reasoning as
    /// `reasoning_content`, text instead of lists of parts, OpenAI's finish words, usage in OpenAI's sense and in a chunk of
    /// its own. What does not deviate passes with the same bytes.
    pub normalize: bool,
}

impl Quirks {
    /// These quirks with `own` on top: its maps are merged in key by key, its rules for models follow these, everything else in it
    /// replaces.
    ///
    /// # Errors
    /// Says what is wrong with `own`.
    pub fn overlay(&self, own: &Value) -> Result<Self, String> {
        let mut base = serde_json::to_value(self).map_err(|error| error.to_string())?;
        merge(&mut base, own);
        let mut over: Self = serde_json::from_value(base).map_err(|error| error.to_string())?;
        if own.get("models").is_some() {
            over.models.splice(..0, self.models.iter().cloned());
        }
        Ok(over)
    }

    /// The request quirks that apply to a model, named as the vendor names it.
    pub fn request_for<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a RequestQuirks> + Clone {
        let rules = self.models.iter().filter(move |rule| fits(&rule.names, &rule.except, model));
        std::iter::once(&self.request).chain(rules.map(|rule| &rule.request))
    }
}

fn merge(base: &mut Value, own: &Value) {
    match (base, own) {
        (Value::Object(base), Value::Object(own)) => {
            for (key, value) in own {
                merge(base.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
        (base, own) => *base = own.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_overlay_merges_maps_and_replaces_the_rest() {
        let base: Quirks =
            serde_json::from_value(json!({"request": {"rename": {"a": "b"}, "drop": ["x"], "messages": {"drop_name": true}}})).unwrap();
        let over = base.overlay(&json!({"request": {"rename": {"c": "d"}, "drop": ["y"]}, "response": {"normalize": true}})).unwrap();
        assert_eq!(over.request.rename.len(), 2);
        assert_eq!(over.request.drop, ["y"]);
        assert!(over.request.messages.drop_name && over.response.normalize);
    }

    #[test]
    fn own_rules_for_models_follow_the_vendors() {
        let rule = |field: &str| json!({"models": [{"names": ["a"], "request": {"drop": [field]}}]});
        let base: Quirks = serde_json::from_value(rule("x")).unwrap();
        let over = base.overlay(&rule("y")).unwrap();
        let dropped: Vec<_> = over.request_for("a").flat_map(|request| &request.drop).collect();
        assert_eq!(dropped, ["x", "y"]);
        assert_eq!(base.overlay(&json!({"request": {}})).unwrap(), base);
    }

    #[test]
    fn an_unknown_quirk_is_named() {
        let error = Quirks::default().overlay(&json!({"request": {"renam": {}}})).unwrap_err();
        assert!(error.contains("renam"), "{error}");
    }

    #[test]
    fn model_rules_follow_the_vendors_own() {
        let quirks: Quirks = serde_json::from_value(
            json!({"request": {"drop": ["a"]}, "models": [{"names": ["o*"], "except": ["*-mini"], "request": {"drop": ["b"]}}]}),
        )
        .unwrap();
        assert_eq!(quirks.request_for("o3").count(), 2);
        assert_eq!(quirks.request_for("o3-mini").count(), 1);
        assert_eq!(quirks.request_for("gpt-4o").count(), 1);
    }
}

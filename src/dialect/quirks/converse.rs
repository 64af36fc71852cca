//! What a model takes of Amazon Bedrock's Converse API, which puts many families of models behind one form.

use serde::{Deserialize, Serialize};

/// Facts about a model. Where several rules match, a later one that says something wins; what none says is not so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConverseQuirks {
    /// The model behind a name that does not tell it (an inference profile's ARN). The rules of this model apply.
    pub model: Option<String>,
    /// `toolChoice` may demand a tool.
    pub forced_tools: Option<bool>,
    /// The field that keeps the model from calling several tools at once.
    pub single_tool: Option<bool>,
    /// It takes `outputConfig.textFormat` and strict tools.
    pub structured_output: Option<bool>,
    /// It takes `cachePoint`.
    pub cache_points: Option<bool>,
    /// A conversation may begin with a turn of the assistant's.
    pub assistant_first: Option<bool>,
    /// It takes no `system`: that text goes before the user's.
    pub no_system: Option<bool>,
    /// What may not stand beside tool results in a turn.
    pub results: Option<Beside>,
    /// A tool result's `status` is refused.
    pub no_result_status: Option<bool>,
    /// A tool result's text has to be sent as `json`.
    pub json_results: Option<bool>,
    /// Where `top_k` goes inside of `additionalModelRequestFields`.
    pub top_k: Option<Vec<String>>,
    /// The reasoning that earlier turns may hold.
    pub reasoning: Option<ReasoningKept>,
}

/// What tool results may not have beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    /// Nothing at all may be beside them.
    Alone,
    NoDocuments,
}

/// Which reasoning a model takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningKept {
    /// Only what bears the vendor's signature.
    Signed,
    /// Text without a signature.
    Unsigned,
}

impl ConverseQuirks {
    /// These facts with those that `later` says in their place.
    #[must_use]
    pub fn with(self, later: &Self) -> Self {
        Self {
            model: later.model.clone().or(self.model),
            forced_tools: later.forced_tools.or(self.forced_tools),
            single_tool: later.single_tool.or(self.single_tool),
            structured_output: later.structured_output.or(self.structured_output),
            cache_points: later.cache_points.or(self.cache_points),
            assistant_first: later.assistant_first.or(self.assistant_first),
            no_system: later.no_system.or(self.no_system),
            results: later.results.or(self.results),
            no_result_status: later.no_result_status.or(self.no_result_status),
            json_results: later.json_results.or(self.json_results),
            top_k: later.top_k.clone().or(self.top_k),
            reasoning: later.reasoning.or(self.reasoning),
        }
    }
}

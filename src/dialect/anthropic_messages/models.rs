//! What the Claude models differ in: the rows of `models.yaml`, and what a provider's quirks say on top. A model is known by its
//! family and version, which its name spells in many ways: `claude-3-5-sonnet-20240620`, `claude-sonnet-4-5@20250929`,
//! `eu.anthropic.claude-opus-4-6-v1:0`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::base::yaml;
use crate::dialect::Quirks;

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program, and a test reads it")]
    yaml::read(include_str!("models.yaml")).expect("models.yaml")
});

/// Facts from a version of a family on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    family: Option<String>,
    from: (u32, u32),
    facts: ClaudeQuirks,
}

/// What is said of a model that speaks Anthropic's format. Of several that say something the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaudeQuirks {
    /// The most tokens it can answer with: what is asked for where the client sets no limit, and the largest limit that is sent.
    pub output_cap: Option<u64>,
    /// How it is asked to think: `unsupported`, `manual`, `adaptive`, `adaptive_only` or `always`.
    pub thinking: Option<Thinking>,
    /// `any`; `one` (`temperature` and `top_p` not together); `refused`.
    pub sampling: Option<SamplingRule>,
    /// It takes `output_config.format` and strict tools.
    pub structured_output: Option<bool>,
    /// It continues a trailing assistant turn.
    pub prefill: Option<bool>,
    /// It takes `tool_choice` of type `any` and `tool`.
    pub forced_tools: Option<bool>,
}

/// What a model takes and refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) struct Rules {
    /// The most tokens it can answer with, where that is known.
    pub(in crate::dialect) output_cap: Option<u64>,
    pub(in crate::dialect) thinking: Thinking,
    pub(in crate::dialect) sampling: SamplingRule,
    /// It takes `output_config.format` and strict tools.
    pub(in crate::dialect) structured_output: bool,
    /// It continues a trailing assistant turn.
    pub(in crate::dialect) prefill: bool,
    /// It takes `tool_choice` of type `any` and `tool`.
    pub(in crate::dialect) forced_tools: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    Unsupported,
    /// `enabled` with a budget.
    Manual,
    /// `adaptive` with an effort up to `high`, or `max`; `enabled` is deprecated.
    Adaptive,
    /// `adaptive` with any effort; `enabled` is refused and the text is left out unless asked for.
    AdaptiveOnly,
    /// As before, and it cannot be switched off.
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplingRule {
    Any,
    /// `temperature` and `top_p` not together.
    One,
    Refused,
}

/// The output limit for a model that the table does not know: what every Claude since 3.5 can do.
const UNKNOWN_MAX_TOKENS: u64 = 8192;

/// Another vendor's model behind this dialect, or a Claude whose name tells nothing: nothing is assumed but the common core.
const UNKNOWN: Rules = Rules {
    output_cap: None,
    thinking: Thinking::Manual,
    sampling: SamplingRule::Any,
    structured_output: false,
    prefill: true,
    forced_tools: true,
};

impl Rules {
    /// The rules for a model by its name at the vendor.
    pub(in crate::dialect) fn of(model: &str, quirks: &Quirks) -> Self {
        let known = identify(model);
        let fits = |row: &&Row| {
            let fits = |(family, version)| version >= row.from && row.family.as_deref().is_none_or(|own| own == family);
            known.is_some_and(fits)
        };
        let rows = ROWS.iter().filter(fits).map(|row| &row.facts);
        rows.chain(quirks.request_for(model).filter_map(|request| request.claude.as_ref())).fold(UNKNOWN, Self::with)
    }

    fn with(self, facts: &ClaudeQuirks) -> Self {
        Self {
            output_cap: facts.output_cap.or(self.output_cap),
            thinking: facts.thinking.unwrap_or(self.thinking),
            sampling: facts.sampling.unwrap_or(self.sampling),
            structured_output: facts.structured_output.unwrap_or(self.structured_output),
            prefill: facts.prefill.unwrap_or(self.prefill),
            forced_tools: facts.forced_tools.unwrap_or(self.forced_tools),
        }
    }

    /// `max_tokens` for a client that set none; the vendor insists on one.
    pub(in crate::dialect) fn default_max_tokens(&self) -> u64 {
        self.output_cap.unwrap_or(UNKNOWN_MAX_TOKENS)
    }
}

/// Family and version in a model's name. Dates and Bedrock's `v1` are no versions: those have one or two digits.
fn identify(model: &str) -> Option<(&str, (u32, u32))> {
    let (_, name) = model.rsplit_once("claude-")?;
    let mut family = "";
    let mut numbers = Vec::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        match word.parse::<u32>() {
            Ok(number) if word.len() <= 2 && numbers.len() < 2 => numbers.push(number),
            Ok(_) => break,
            Err(_) if family.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic()) => family = word,
            Err(_) => break,
        }
    }
    let version = (numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(0));
    (!numbers.is_empty() || !family.is_empty()).then_some((family, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_spelling_are_understood() {
        let cases = [
            ("claude-2.1", "", (2, 1)),
            ("claude-instant-1.2", "instant", (1, 2)),
            ("claude-3-haiku-20240307", "haiku", (3, 0)),
            ("claude-3-5-sonnet-20240620", "sonnet", (3, 5)),
            ("claude-3-5-haiku-latest", "haiku", (3, 5)),
            ("claude-sonnet-4-20250514", "sonnet", (4, 0)),
            ("claude-sonnet-4-0", "sonnet", (4, 0)),
            ("claude-opus-4-1-20250805", "opus", (4, 1)),
            ("claude-sonnet-4-5@20250929", "sonnet", (4, 5)),
            ("eu.anthropic.claude-opus-4-6-v1:0", "opus", (4, 6)),
            ("anthropic/claude-opus-4.7", "opus", (4, 7)),
            ("claude-mythos-preview", "mythos", (0, 0)),
        ];
        for (model, family, version) in cases {
            assert_eq!(identify(model), Some((family, version)), "{model}");
        }
        assert_eq!(identify("glm-4.6"), None);
    }

    #[test]
    fn rules_follow_family_and_version() {
        let rules = |model| Rules::of(model, &Quirks::default());
        let cap = |model| rules(model).default_max_tokens();
        assert_eq!(cap("claude-3-opus-20240229"), 4096);
        assert_eq!(cap("claude-3-5-sonnet-20240620"), 8192);
        assert_eq!(cap("claude-opus-4-1"), 32_000);
        assert_eq!(cap("claude-opus-4-5"), 64_000);
        assert_eq!(cap("claude-sonnet-4-6"), 128_000);
        assert_eq!(cap("glm-4.6"), 8192);
        assert_eq!(rules("claude-sonnet-4-5").thinking, Thinking::Manual);
        assert_eq!(rules("claude-sonnet-4-6").thinking, Thinking::Adaptive);
        assert_eq!(rules("claude-sonnet-5").sampling, SamplingRule::Refused);
        assert_eq!(rules("claude-fable-5").thinking, Thinking::Always);
        assert!(rules("claude-sonnet-4-5").structured_output && !rules("claude-sonnet-4-0").structured_output);
    }

    #[test]
    fn every_model_has_the_facts_of_its_release() {
        let facts = |model| {
            let Rules { output_cap, thinking, sampling, structured_output, prefill, forced_tools } = Rules::of(model, &Quirks::default());
            (output_cap.unwrap_or(0) / 1000, thinking, sampling, structured_output, prefill, forced_tools)
        };
        use SamplingRule::{Any, One, Refused};
        use Thinking::{Adaptive, AdaptiveOnly, Always, Manual, Unsupported};
        for (model, expected) in [
            ("claude-2.1", (4, Unsupported, Any, false, true, true)),
            ("claude-3-5-haiku-latest", (8, Unsupported, Any, false, true, true)),
            ("claude-3-7-sonnet-20250219", (64, Manual, Any, false, true, true)),
            ("claude-opus-4-20250514", (32, Manual, Any, false, true, true)),
            ("claude-sonnet-4-0", (64, Manual, Any, false, true, true)),
            ("claude-opus-4-1", (32, Manual, One, false, true, true)),
            ("claude-haiku-4-5", (64, Manual, One, true, true, true)),
            ("claude-opus-4-5", (64, Manual, One, true, true, true)),
            ("claude-sonnet-4-6", (128, Adaptive, One, true, false, true)),
            ("claude-opus-4-8", (128, AdaptiveOnly, Refused, true, false, true)),
            ("claude-sonnet-5", (128, AdaptiveOnly, Refused, true, false, true)),
            ("claude-fable-5", (128, Always, Refused, true, false, false)),
            ("claude-mythos-preview", (128, Always, Refused, true, false, false)),
            ("glm-4.6", (0, Manual, Any, false, true, true)),
        ] {
            assert_eq!(facts(model), expected, "{model}");
        }
    }
}

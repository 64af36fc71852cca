//! What the Claude models differ in, as one table. A model is known by its family and version, which its name spells in many
//! ways: `claude-3-5-sonnet-20240620`, `claude-sonnet-4-5@20250929`, `eu.anthropic.claude-opus-4-6-v1:0`.

/// What a model takes and refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// The most tokens it can answer with, where that is known.
    pub(super) output_cap: Option<u64>,
    pub(super) thinking: Thinking,
    pub(super) sampling: SamplingRule,
    /// It takes `output_config.format` and strict tools.
    pub(super) structured_output: bool,
    /// It continues a trailing assistant turn.
    pub(super) prefill: bool,
    /// It takes `tool_choice` of type `any` and `tool`.
    pub(super) forced_tools: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SamplingRule {
    Any,
    /// `temperature` and `top_p` not together.
    One,
    Refused,
}

/// The output limit for a model that the table does not know: what every Claude since 3.5 can do.
const UNKNOWN_MAX_TOKENS: u64 = 8192;

impl Rules {
    /// The rules for a model by its name at the vendor.
    pub(super) fn of(model: &str) -> Self {
        let Some((family, version)) = identify(model) else { return UNKNOWN };
        ROWS.iter()
            .rev()
            .find(|row| version >= row.from && (row.family.is_empty() || row.family == family))
            .map_or(UNKNOWN, |row| row.rules)
    }

    /// `max_tokens` for a client that set none; the vendor insists on one.
    pub(super) fn default_max_tokens(&self) -> u64 {
        self.output_cap.unwrap_or(UNKNOWN_MAX_TOKENS)
    }
}

/// Rules from a version on. Of the rows that fit, the last one counts; an empty family fits all.
struct Row {
    family: &'static str,
    from: (u32, u32),
    rules: Rules,
}

/// Another vendor's model behind this dialect, or a Claude whose name tells nothing: nothing is assumed but the common core.
const UNKNOWN: Rules = Rules {
    output_cap: None,
    thinking: Thinking::Manual,
    sampling: SamplingRule::Any,
    structured_output: false,
    prefill: true,
    forced_tools: true,
};

const V2: Rules = Rules { output_cap: Some(4096), thinking: Thinking::Unsupported, ..UNKNOWN };
const V3_5: Rules = Rules { output_cap: Some(8192), ..V2 };
const V3_7: Rules = Rules { output_cap: Some(64_000), thinking: Thinking::Manual, ..V3_5 };
const OPUS_4: Rules = Rules { output_cap: Some(32_000), ..V3_7 };
const OPUS_4_1: Rules = Rules { sampling: SamplingRule::One, ..OPUS_4 };
const V4_5: Rules = Rules { sampling: SamplingRule::One, structured_output: true, ..V3_7 };
const V4_6: Rules = Rules { output_cap: Some(128_000), thinking: Thinking::Adaptive, prefill: false, ..V4_5 };
const V4_7: Rules = Rules { thinking: Thinking::AdaptiveOnly, sampling: SamplingRule::Refused, ..V4_6 };
const ALWAYS_THINKING: Rules = Rules { thinking: Thinking::Always, forced_tools: false, ..V4_7 };

const ROWS: [Row; 10] = [
    Row { family: "", from: (0, 0), rules: V2 },
    Row { family: "", from: (3, 5), rules: V3_5 },
    Row { family: "", from: (3, 7), rules: V3_7 },
    Row { family: "opus", from: (4, 0), rules: OPUS_4 },
    Row { family: "opus", from: (4, 1), rules: OPUS_4_1 },
    Row { family: "", from: (4, 5), rules: V4_5 },
    Row { family: "", from: (4, 6), rules: V4_6 },
    Row { family: "", from: (4, 7), rules: V4_7 },
    Row { family: "fable", from: (5, 0), rules: ALWAYS_THINKING },
    Row { family: "mythos", from: (0, 0), rules: ALWAYS_THINKING },
];

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
        let cap = |model| Rules::of(model).default_max_tokens();
        assert_eq!(cap("claude-3-opus-20240229"), 4096);
        assert_eq!(cap("claude-3-5-sonnet-20240620"), 8192);
        assert_eq!(cap("claude-opus-4-1"), 32_000);
        assert_eq!(cap("claude-opus-4-5"), 64_000);
        assert_eq!(cap("claude-sonnet-4-6"), 128_000);
        assert_eq!(cap("glm-4.6"), 8192);
        assert_eq!(Rules::of("claude-sonnet-4-5").thinking, Thinking::Manual);
        assert_eq!(Rules::of("claude-sonnet-4-6").thinking, Thinking::Adaptive);
        assert_eq!(Rules::of("claude-sonnet-5").sampling, SamplingRule::Refused);
        assert_eq!(Rules::of("claude-fable-5").thinking, Thinking::Always);
        assert!(Rules::of("claude-sonnet-4-5").structured_output && !Rules::of("claude-sonnet-4-0").structured_output);
    }
}

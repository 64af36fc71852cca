//! How the client's wish for reasoning is put to a model, and read from a client's request.

use serde::{Deserialize, Serialize};

use super::models::{Rules, Thinking};
use crate::chat::{Dropped, Effort, Reasoning};

/// `generationConfig.thinkingConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(alias = "include_thoughts", skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(alias = "thinking_budget", skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(alias = "thinking_level", skip_serializing_if = "Option::is_none")]
    thinking_level: Option<String>,
}

/// Lets the model decide how much it thinks.
const DYNAMIC: i64 = -1;

impl ThinkingConfig {
    /// The client's wish.
    pub(super) fn read(&self) -> Option<Reasoning> {
        let level = self.thinking_level.as_deref().map(str::to_ascii_lowercase);
        match (self.thinking_budget, level.as_deref().and_then(Effort::parse)) {
            (Some(0), _) => Some(Reasoning::Off),
            (Some(budget), _) => Some(u64::try_from(budget).map_or(Reasoning::Adaptive { effort: None }, Reasoning::Budget)),
            (None, Some(effort)) => Some(Reasoning::Effort(effort)),
            (None, None) => (self.include_thoughts == Some(true)).then_some(Reasoning::Adaptive { effort: None }),
        }
    }

    /// The wish in the model's terms; nothing where the model does the same unasked.
    pub(super) fn write(reasoning: Option<&Reasoning>, rules: &Rules, dropped: &mut Dropped) -> Option<Self> {
        let reasoning = reasoning?;
        match rules.thinking {
            Thinking::Unsupported => {
                if *reasoning != Reasoning::Off {
                    dropped.add("reasoning_effort");
                }
                None
            }
            Thinking::Budget { least, most } => {
                let budget = budget(reasoning).map(|tokens| tokens.clamp(least, most));
                Some(Self {
                    include_thoughts: (*reasoning != Reasoning::Off).then_some(true),
                    thinking_budget: Some(budget.and_then(|tokens| i64::try_from(tokens).ok()).unwrap_or(DYNAMIC)),
                    thinking_level: None,
                })
            }
            Thinking::Level { minimal, xhigh } => Some(Self {
                include_thoughts: (*reasoning != Reasoning::Off).then_some(true),
                thinking_budget: None,
                thinking_level: level(reasoning, minimal, xhigh).map(str::to_owned),
            }),
        }
    }
}

/// Tokens for an effort, on the scale of the vendor's own translation; `None` where the model decides.
fn budget(reasoning: &Reasoning) -> Option<u64> {
    let effort = match reasoning {
        Reasoning::Off => return Some(0),
        Reasoning::Budget(tokens) => return Some(*tokens),
        Reasoning::Adaptive { effort } => (*effort)?,
        Reasoning::Effort(effort) => *effort,
    };
    Some(match effort {
        Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::XHigh | Effort::Max => 24_576,
    })
}

/// The level for an effort; `None` where the model decides. Thinking cannot be turned off, only kept low.
fn level(reasoning: &Reasoning, minimal: bool, xhigh: bool) -> Option<&'static str> {
    let effort = match reasoning {
        Reasoning::Off => Effort::Minimal,
        Reasoning::Budget(0..=2048) => Effort::Low,
        Reasoning::Budget(2049..=8192) => Effort::Medium,
        Reasoning::Budget(_) => Effort::High,
        Reasoning::Adaptive { effort } => (*effort)?,
        Reasoning::Effort(effort) => *effort,
    };
    Some(match effort {
        Effort::Minimal if minimal => "MINIMAL",
        Effort::Minimal | Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::XHigh | Effort::Max if xhigh => "XHIGH",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    fn written(model: &str, reasoning: Reasoning) -> (String, bool) {
        let mut dropped = Dropped::default();
        let config = ThinkingConfig::write(Some(&reasoning), &Rules::of(model, &Quirks::default()), &mut dropped);
        (config.map(|c| serde_json::to_string(&c).unwrap()).unwrap_or_default(), !dropped.is_empty())
    }

    #[test]
    fn each_version_is_asked_in_its_own_terms() {
        for (model, reasoning, expected) in [
            ("gemini-2.5-flash", Reasoning::Effort(Effort::Medium), r#"{"includeThoughts":true,"thinkingBudget":8192}"#),
            ("gemini-2.5-flash", Reasoning::Off, r#"{"thinkingBudget":0}"#),
            ("gemini-2.5-pro", Reasoning::Off, r#"{"thinkingBudget":128}"#),
            ("gemini-2.5-flash", Reasoning::Budget(90_000), r#"{"includeThoughts":true,"thinkingBudget":24576}"#),
            ("gemini-2.5-flash", Reasoning::Adaptive { effort: None }, r#"{"includeThoughts":true,"thinkingBudget":-1}"#),
            ("gemini-3-flash-preview", Reasoning::Off, r#"{"thinkingLevel":"MINIMAL"}"#),
            ("gemini-3-pro-preview", Reasoning::Effort(Effort::Minimal), r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#),
            ("gemini-3-pro-preview", Reasoning::Budget(4000), r#"{"includeThoughts":true,"thinkingLevel":"MEDIUM"}"#),
        ] {
            assert_eq!(written(model, reasoning), (expected.to_owned(), false), "{model}");
        }
        assert_eq!(written("gemini-2.0-flash", Reasoning::Effort(Effort::Low)), (String::new(), true));
        assert_eq!(written("gemini-2.0-flash", Reasoning::Off), (String::new(), false));
    }

    #[test]
    fn a_clients_wish_is_read() {
        for (text, expected) in [
            (r#"{"thinkingBudget":0}"#, Some(Reasoning::Off)),
            (r#"{"thinking_budget":-1}"#, Some(Reasoning::Adaptive { effort: None })),
            (r#"{"thinkingBudget":512,"includeThoughts":true}"#, Some(Reasoning::Budget(512))),
            (r#"{"thinkingLevel":"HIGH"}"#, Some(Reasoning::Effort(Effort::High))),
            (r#"{"includeThoughts":true}"#, Some(Reasoning::Adaptive { effort: None })),
            ("{}", None),
        ] {
            assert_eq!(serde_json::from_str::<ThinkingConfig>(text).unwrap().read(), expected, "{text}");
        }
    }
}

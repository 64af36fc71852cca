//! How the client's wish for reasoning is put to a model.

use serde::Serialize;

use super::models::{Rules, Thinking};
use crate::chat::{Dropped, Effort, Reasoning};

/// The least and the most budget that is asked for, in tokens.
const BUDGET_MIN: u64 = 1024;

/// What is written of the reasoning.
#[derive(Debug, Default, PartialEq)]
pub(in crate::dialect) struct Plan {
    pub(in crate::dialect) thinking: Option<ThinkingParam>,
    /// `output_config.effort`.
    pub(in crate::dialect) effort: Option<&'static str>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::dialect) enum ThinkingParam {
    Enabled {
        budget_tokens: u64,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Disabled,
}

impl Plan {
    /// Whether the model will reason, which restricts the sampling.
    pub(in crate::dialect) fn thinks(&self) -> bool {
        matches!(self.thinking, Some(ThinkingParam::Enabled { .. } | ThinkingParam::Adaptive { .. }))
    }

    /// Whether it reasons with a budget, which rules out a forced tool and wants every call preceded by its thinking.
    pub(in crate::dialect) fn has_budget(&self) -> bool {
        matches!(self.thinking, Some(ThinkingParam::Enabled { .. }))
    }
}

/// Plans the reasoning for a model. `max_tokens` limits reasoning and answer together.
pub(in crate::dialect) fn plan(reasoning: Option<&Reasoning>, rules: &Rules, max_tokens: u64, dropped: &mut Dropped) -> Plan {
    let Some(reasoning) = reasoning else { return Plan::default() };
    match rules.thinking {
        Thinking::Unsupported => {
            if *reasoning != Reasoning::Off {
                dropped.add("reasoning_effort");
            }
            Plan::default()
        }
        // Version 4.6 still takes a budget, which says more than an effort.
        Thinking::Adaptive if !matches!(reasoning, Reasoning::Budget(_)) => adaptive(reasoning, rules.thinking),
        Thinking::Manual | Thinking::Adaptive => {
            let Some(wanted) = budget(reasoning) else { return Plan::default() };
            match fit(wanted, max_tokens) {
                Some(budget_tokens) => Plan { thinking: Some(ThinkingParam::Enabled { budget_tokens }), effort: None },
                None => {
                    dropped.add("reasoning_effort");
                    Plan::default()
                }
            }
        }
        Thinking::AdaptiveOnly | Thinking::Always => adaptive(reasoning, rules.thinking),
    }
}

/// OpenAI's scale in tokens, as several gateways use it.
fn budget(reasoning: &Reasoning) -> Option<u64> {
    let effort = match reasoning {
        Reasoning::Off => return None,
        Reasoning::Budget(tokens) => return Some(*tokens),
        Reasoning::Adaptive { effort } => effort.unwrap_or(Effort::High),
        Reasoning::Effort(effort) => *effort,
    };
    Some(match effort {
        Effort::Minimal => BUDGET_MIN,
        Effort::Low => 2048,
        Effort::Medium => 10_000,
        Effort::High => 16_384,
        Effort::XHigh | Effort::Max => 32_768,
    })
}

/// A budget below `max_tokens` that leaves a fifth of them for the answer where it can; `None` where the least is too much.
fn fit(wanted: u64, max_tokens: u64) -> Option<u64> {
    let room = max_tokens.saturating_sub(max_tokens / 5).max(BUDGET_MIN);
    (max_tokens > BUDGET_MIN).then(|| wanted.clamp(BUDGET_MIN, room))
}

fn adaptive(reasoning: &Reasoning, thinking: Thinking) -> Plan {
    // The newest models keep their thinking to themselves unless asked.
    let display = (thinking != Thinking::Adaptive).then_some("summarized");
    let on = |effort| Plan { thinking: Some(ThinkingParam::Adaptive { display }), effort };
    match reasoning {
        Reasoning::Off if thinking == Thinking::Always => on(Some("low")),
        Reasoning::Off => Plan { thinking: Some(ThinkingParam::Disabled), effort: None },
        Reasoning::Adaptive { effort } => on(effort.map(|effort| word(effort, thinking))),
        Reasoning::Effort(effort) => on(Some(word(*effort, thinking))),
        Reasoning::Budget(..=2048) => on(Some("low")),
        Reasoning::Budget(..=8192) => on(Some("medium")),
        Reasoning::Budget(_) => on(Some("high")),
    }
}

/// The vendor's word for an effort. Version 4.6 knows no `xhigh`.
pub(super) fn word(effort: Effort, thinking: Thinking) -> &'static str {
    match effort {
        Effort::Minimal => "low",
        Effort::XHigh if thinking == Thinking::Adaptive => "high",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    fn planned(model: &str, reasoning: Reasoning, max_tokens: u64) -> (Plan, bool) {
        let mut dropped = Dropped::default();
        let plan = plan(Some(&reasoning), &Rules::of(model, &Quirks::default()), max_tokens, &mut dropped);
        (plan, dropped.is_empty())
    }

    #[test]
    fn older_models_get_a_budget_that_fits() {
        let budget = |effort, max| planned("claude-sonnet-4-5", Reasoning::Effort(effort), max).0.thinking;
        let enabled = |budget_tokens| Some(ThinkingParam::Enabled { budget_tokens });
        assert_eq!(budget(Effort::Minimal, 64_000), enabled(1024));
        assert_eq!(budget(Effort::High, 64_000), enabled(16_384));
        assert_eq!(budget(Effort::High, 2000), enabled(1600));
        assert_eq!(budget(Effort::High, 1025), enabled(1024));
        assert_eq!(planned("claude-sonnet-4-5", Reasoning::Effort(Effort::Low), 1024), (Plan::default(), false));
        assert_eq!(planned("claude-sonnet-4-5", Reasoning::Off, 64_000), (Plan::default(), true));
        assert_eq!(planned("claude-3-haiku-20240307", Reasoning::Effort(Effort::Low), 4096), (Plan::default(), false));
    }

    #[test]
    fn newer_models_get_an_effort() {
        let effort = |model, reasoning| planned(model, reasoning, 10_000).0;
        let on = |display, effort| Plan { thinking: Some(ThinkingParam::Adaptive { display }), effort: Some(effort) };
        assert_eq!(effort("claude-sonnet-4-6", Reasoning::Effort(Effort::XHigh)), on(None, "high"));
        let budget = Some(ThinkingParam::Enabled { budget_tokens: 3000 });
        assert_eq!(effort("claude-sonnet-4-6", Reasoning::Budget(3000)), Plan { thinking: budget, effort: None });
        assert_eq!(effort("claude-opus-4-7", Reasoning::Effort(Effort::XHigh)), on(Some("summarized"), "xhigh"));
        assert_eq!(effort("claude-opus-4-7", Reasoning::Effort(Effort::Minimal)), on(Some("summarized"), "low"));
        assert_eq!(effort("claude-opus-4-7", Reasoning::Budget(4000)), on(Some("summarized"), "medium"));
        assert_eq!(effort("claude-opus-4-7", Reasoning::Off).thinking, Some(ThinkingParam::Disabled));
        assert_eq!(effort("claude-fable-5", Reasoning::Off), on(Some("summarized"), "low"));
    }
}

//! How the client's wish for reasoning is put to a model.

use serde::Serialize;

use crate::chat::{Dropped, Effort, Reasoning};

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Enabled {
        #[serde(skip_serializing_if = "Option::is_none")]
        token_budget: Option<u64>,
    },
    Disabled,
}

/// Whether a model can think. Those that cannot are known and will not become more.
pub(super) fn thinks(model: &str) -> bool {
    const PLAIN: [&str; 7] =
        ["command-r", "command-a-03-2025", "command-a-vision", "command-a-translate", "command-light", "command-nightly", "c4ai-"];
    model != "command" && !PLAIN.iter().any(|plain| model.starts_with(plain))
}

/// What is written; nothing where the request says nothing of it, or the model cannot think.
pub(super) fn write(wish: Option<&Reasoning>, max_tokens: Option<u64>, model: &str, dropped: &mut Dropped) -> Option<Thinking> {
    let wish = wish?;
    if !thinks(model) {
        if *wish != Reasoning::Off {
            dropped.add("reasoning_effort");
        }
        return None;
    }
    let token_budget = match wish {
        Reasoning::Off => return Some(Thinking::Disabled),
        Reasoning::Budget(tokens) => Some(*tokens),
        Reasoning::Adaptive { effort } => effort.and_then(budget),
        Reasoning::Effort(effort) => budget(*effort),
    };
    // The budget is a part of all the tokens; a fifth of them is for the answer.
    let room = max_tokens.map_or(u64::MAX, |most| most.saturating_sub(most / 5));
    Some(Thinking::Enabled { token_budget: token_budget.map(|budget| budget.min(room).max(1)) })
}

/// The tokens that an effort may cost; without a limit the model thinks as much as it sees fit.
fn budget(effort: Effort) -> Option<u64> {
    match effort {
        Effort::Minimal => Some(1024),
        Effort::Low => Some(2048),
        Effort::Medium => Some(8192),
        Effort::High | Effort::XHigh | Effort::Max => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_is_put_to_models_that_can_think() {
        let enabled = |token_budget| Some(Thinking::Enabled { token_budget });
        for (wish, max_tokens, expected) in [
            (Reasoning::Off, None, Some(Thinking::Disabled)),
            (Reasoning::Budget(3000), None, enabled(Some(3000))),
            (Reasoning::Budget(3000), Some(1000), enabled(Some(800))),
            (Reasoning::Effort(Effort::Low), None, enabled(Some(2048))),
            (Reasoning::Effort(Effort::High), Some(1000), enabled(None)),
            (Reasoning::Adaptive { effort: None }, None, enabled(None)),
        ] {
            let mut dropped = Dropped::default();
            assert_eq!(write(Some(&wish), max_tokens, "command-a-reasoning-08-2025", &mut dropped), expected, "{wish:?}");
            assert!(dropped.is_empty());
            assert_eq!(write(Some(&wish), max_tokens, "command-a-03-2025", &mut dropped), None);
            assert_eq!(dropped.is_empty(), wish == Reasoning::Off, "{wish:?}");
        }
        assert!(thinks("north-mini") && !thinks("command") && !thinks("command-r7b-12-2024"));
    }
}

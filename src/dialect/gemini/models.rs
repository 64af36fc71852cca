//! What a model takes, told from its name: the rows of `models.yaml`, and what a provider's quirks say on top.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::base::yaml;
use crate::dialect::Quirks;
use crate::dialect::quirks::fits;

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program, and a test reads it")]
    yaml::read(include_str!("models.yaml")).expect("models.yaml")
});

/// Facts of the models with these names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    names: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    facts: GeminiQuirks,
}

/// What is said of a model that speaks Gemini's format. Of several that say something the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeminiQuirks {
    /// How it is asked to think: `unsupported`, `{budget: {least, most}}` or `{level: {minimal, xhigh}}`.
    pub thinking: Option<Thinking>,
    /// It behaves as those from version 3 on: calls have ids, and each step's first call has to bear its signature; a function's
    /// result may hold media, and structured output goes together with functions.
    pub third: Option<bool>,
}

/// How a model is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Thinking {
    Unsupported,
    /// By a budget from `least` to `most` tokens; only where `least` is 0 it can be turned off.
    Budget {
        least: u64,
        most: u64,
    },
    /// By a level; the two say whether there is one below `LOW`, and one above `HIGH`.
    Level {
        minimal: bool,
        #[serde(default)]
        xhigh: bool,
    },
}

/// What differs between models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) thinking: Thinking,
    /// From version 3 on: calls have ids, and each step's first call has to bear its signature; a function's result may hold
    /// media, and structured output goes together with functions.
    pub(super) third: bool,
    /// Calls and their results have ids.
    pub(super) call_ids: bool,
}

impl Rules {
    /// The rules for a model by its name at the vendor.
    pub(super) fn of(model: &str, quirks: &Quirks) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let rows = ROWS.iter().filter(|row| fits(&row.names, &row.except, name)).map(|row| &row.facts);
        let own = quirks.request_for(model).filter_map(|request| request.gemini.as_ref());
        let (thinking, third) = rows.chain(own).fold((Thinking::Unsupported, false), |(thinking, third), facts| {
            (facts.thinking.unwrap_or(thinking), facts.third.unwrap_or(third))
        });
        Self { thinking, third, call_ids: third && !quirks.request_for(model).any(|request| request.no_call_ids) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_told_apart() {
        let rules = |model| Rules::of(model, &Quirks::default());
        let thinking = |model| rules(model).thinking;
        assert_eq!(thinking("gemini-2.5-pro"), Thinking::Budget { least: 128, most: 32_768 });
        assert_eq!(thinking("models/gemini-2.5-flash"), Thinking::Budget { least: 0, most: 24_576 });
        assert_eq!(thinking("gemini-flash-latest"), Thinking::Budget { least: 0, most: 24_576 });
        for (model, minimal) in [
            ("gemini-3-pro-preview", false),
            ("gemini-3.1-pro-preview", false),
            ("gemini-3.5-flash", true),
            ("gemini-3.7-flash", false),
            ("publishers/google/models/gemini-4-flash", true),
        ] {
            assert_eq!(thinking(model), Thinking::Level { minimal, xhigh: false }, "{model}");
        }
        for old in ["gemini-2.0-flash", "gemma-3-27b-it", ""] {
            assert_eq!(thinking(old), Thinking::Unsupported, "{old}");
        }
        assert!(rules("gemini-3.1-flash-lite").third && !rules("gemini-2.5-pro").third);
    }

    #[test]
    fn a_providers_own_facts_lie_on_top() {
        let own = json!({"models": [{"names": ["tuned*"], "request": {"gemini": {"third": true, "thinking": {"level": {"minimal": true, "xhigh": true}}}}},
            {"names": ["gemini-2.5-pro"], "request": {"gemini": {"thinking": {"budget": {"least": 0, "most": 9}}}}}]});
        let quirks = Quirks::default().overlay(&own).unwrap();
        let tuned = Rules::of("tunedModels/x", &quirks);
        assert_eq!(tuned, Rules { third: true, call_ids: true, thinking: Thinking::Level { minimal: true, xhigh: true } });
        let pro = Rules::of("gemini-2.5-pro", &quirks);
        assert_eq!(pro, Rules { third: false, call_ids: false, thinking: Thinking::Budget { least: 0, most: 9 } });
        assert!(Quirks::default().overlay(&json!({"models": [{"names": ["x"], "request": {"gemini": {"thinkng": 1}}}]})).is_err());
    }
}

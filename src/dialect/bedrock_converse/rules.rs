//! What is known of a model: the facts of the rules for its name and, for Claude, those that hold at Anthropic's own API too.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::dialect::Quirks;
use crate::dialect::anthropic_messages::models;
use crate::dialect::quirks::ConverseQuirks;

/// The rules for one model.
pub(super) struct Rules<'a> {
    pub(super) facts: ConverseQuirks,
    /// `None` for the models of others.
    pub(super) claude: Option<models::Rules>,
    /// Claude's rules, or what is assumed of a model that is not known.
    pub(super) common: models::Rules,
    /// The fields that stand for an effort. The last that has the word counts.
    efforts: Vec<&'a BTreeMap<String, Map<String, Value>>>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(model: &'a str, quirks: &'a Quirks) -> Self {
        let facts = |model: &'a str| {
            let said = quirks.request_for(model).filter_map(|request| request.converse.as_ref());
            said.fold(ConverseQuirks::default(), ConverseQuirks::with)
        };
        let own = facts(model);
        let behind = quirks.request_for(model).filter_map(|request| request.converse.as_ref()?.model.as_deref()).last();
        let name = behind.unwrap_or(model);
        let common = models::Rules::of(name, quirks);
        Self {
            facts: if behind.is_some() { facts(name).with(&own) } else { own },
            claude: name.contains("claude").then_some(common),
            common,
            efforts: quirks.request_for(name).map(|request| &request.effort).filter(|effort| !effort.is_empty()).collect(),
        }
    }

    pub(super) fn forces_tools(&self) -> bool {
        self.facts.forced_tools == Some(true) && self.claude.is_none_or(|claude| claude.forced_tools)
    }

    pub(super) fn structures_output(&self) -> bool {
        self.facts.structured_output == Some(true)
    }

    /// Whether its reasoning can be set by effort.
    pub(super) fn has_efforts(&self) -> bool {
        !self.efforts.is_empty()
    }

    /// The fields that ask for an effort.
    pub(super) fn effort(&self, word: &str) -> Option<&'a Map<String, Value>> {
        self.efforts.iter().rev().find_map(|efforts| efforts.get(word))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::quirks::ReasoningKept;

    #[test]
    fn an_arn_has_the_rules_of_the_model_it_is_said_to_be() {
        let quirks: Quirks = serde_json::from_value(json!({"models": [
            {"names": ["*claude*"], "request": {"converse": {"forced_tools": true, "cache_points": true, "reasoning": "signed"}}},
            {"names": ["*gpt-oss*"], "request": {"effort": {"low": {"reasoning_effort": "low"}}}},
            {"names": ["arn:*/abc"], "request": {"converse": {"model": "claude-sonnet-4-5", "cache_points": false}}},
        ]}))
        .unwrap();
        let rules = Rules::of("arn:aws:bedrock:us-east-1:0:application-inference-profile/abc", &quirks);
        assert!(rules.forces_tools() && rules.claude == Some(models::Rules::of("claude-sonnet-4-5", &quirks)));
        assert_eq!((rules.facts.cache_points, rules.facts.reasoning), (Some(false), Some(ReasoningKept::Signed)));
        let other = Rules::of("openai.gpt-oss-120b-1:0", &quirks);
        assert!(!other.forces_tools() && other.claude.is_none() && other.has_efforts());
        assert_eq!(other.effort("low").unwrap()["reasoning_effort"], "low");
        assert!(other.effort("none").is_none());
    }
}

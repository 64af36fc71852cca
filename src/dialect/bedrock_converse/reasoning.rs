//! How the client's wish for reasoning is put to a model: Claude's as at Anthropic's own API, others' by their rules' fields, all
//! of them inside of `additionalModelRequestFields`; and how a client's own fields are read.

use serde_json::{Map, Value, json};

use super::rules::Rules;
use crate::chat::{Dropped, Effort, Reasoning};
use crate::dialect::anthropic_messages::reasoning::{Plan, plan};

/// What rules thinking out.
#[derive(Clone, Copy, Default)]
pub(super) struct Bars {
    /// A tool has to be called.
    pub(super) forced: bool,
    /// The tool loop that goes on began without thinking; only a budget minds it.
    pub(super) unthought: bool,
}

/// Plans the reasoning; the fields that ask for it go to `fields`.
pub(super) fn write(
    reasoning: Option<&Reasoning>,
    rules: &Rules<'_>,
    max_tokens: Option<u64>,
    bars: Bars,
    fields: &mut Map<String, Value>,
    dropped: &mut Dropped,
) -> Plan {
    let Some(wish) = reasoning else { return Plan::default() };
    if let Some(claude) = &rules.claude {
        let mut plan = plan(Some(wish), claude, max_tokens.unwrap_or_else(|| claude.default_max_tokens()), dropped);
        // An effort alone does not hinder it.
        if plan.thinks() && bars.forced || plan.has_budget() && bars.unthought {
            dropped.add("reasoning_effort");
            plan.thinking = None;
        }
        if let Some(thinking) = &plan.thinking {
            fields.insert("thinking".to_owned(), json!(thinking));
        }
        if let Some(effort) = plan.effort {
            fields.insert("output_config".to_owned(), json!({ "effort": effort }));
        }
        return plan;
    }
    match rules.effort(word(wish)) {
        Some(asked) => fields.extend(asked.clone()),
        // A model that does not reason, or not by wish, is as good as told.
        None if *wish == Reasoning::Off && !rules.has_efforts() => {}
        None => dropped.add("reasoning_effort"),
    }
    Plan::default()
}

fn word(reasoning: &Reasoning) -> &'static str {
    match reasoning {
        Reasoning::Off => "none",
        Reasoning::Effort(effort) => effort.as_str(),
        Reasoning::Adaptive { effort } => effort.unwrap_or(Effort::Medium).as_str(),
        Reasoning::Budget(..=2048) => "low",
        Reasoning::Budget(..=8192) => "medium",
        Reasoning::Budget(_) => "high",
    }
}

/// Takes a client's wish out of its `additionalModelRequestFields`, in whichever family's words. What is not understood stays.
pub(super) fn read(fields: &mut Map<String, Value>) -> Option<Reasoning> {
    let effort = |value: &Value| value.as_str().and_then(Effort::parse);
    let claude_effort = fields.get("output_config").filter(|config| config.as_object().is_some_and(|config| config.len() == 1));
    let claude_effort = claude_effort.and_then(|config| effort(config.get("effort")?));
    let read = |(key, value): (&String, &Value)| -> Option<Reasoning> {
        let kind = value.get("type").and_then(Value::as_str);
        let budget = value.get("budget_tokens").and_then(Value::as_u64);
        match (key.as_str(), kind) {
            ("thinking" | "reasoning_config", Some("enabled")) => budget.map(Reasoning::Budget),
            ("thinking", Some("adaptive")) => Some(Reasoning::Adaptive { effort: claude_effort }),
            ("thinking" | "reasoning_config" | "reasoningConfig", Some("disabled")) => Some(Reasoning::Off),
            ("reasoningConfig", Some("enabled")) => value.get("maxReasoningEffort").and_then(effort).map(Reasoning::Effort),
            ("reasoning_effort" | "reasoning_config", None) => effort(value).map(Reasoning::Effort),
            _ => None,
        }
    };
    let found = fields.iter().find_map(|field| Some((field.0.clone(), read(field)?)));
    let Some((key, reasoning)) = found else {
        claude_effort?;
        fields.shift_remove("output_config");
        return claude_effort.map(Reasoning::Effort);
    };
    fields.shift_remove(&key);
    if matches!(reasoning, Reasoning::Adaptive { effort: Some(_) }) {
        fields.shift_remove("output_config");
    }
    Some(reasoning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    fn written(model: &str, reasoning: Reasoning) -> (Value, bool) {
        let quirks: Quirks = serde_json::from_value(json!({"models": [{"names": ["*gpt-oss*"], "request": {"effort": {
            "minimal": {"reasoning_effort": "low"}, "medium": {"reasoning_effort": "medium"}}}}]}))
        .unwrap();
        let (mut fields, mut dropped) = (Map::new(), Dropped::default());
        write(Some(&reasoning), &Rules::of(model, &quirks), None, Bars::default(), &mut fields, &mut dropped);
        (Value::Object(fields), !dropped.is_empty())
    }

    #[test]
    fn each_family_is_asked_in_its_own_words() {
        let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 10000}});
        assert_eq!(written(claude, Reasoning::Effort(Effort::Medium)), (budget, false));
        assert_eq!(written(claude, Reasoning::Off), (json!({}), false));
        let adaptive = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}});
        assert_eq!(written("us.anthropic.claude-sonnet-4-6", Reasoning::Effort(Effort::High)), (adaptive, false));
        let oss = "openai.gpt-oss-120b-1:0";
        assert_eq!(written(oss, Reasoning::Budget(4000)), (json!({"reasoning_effort": "medium"}), false));
        assert_eq!(written(oss, Reasoning::Off), (json!({}), true));
        assert_eq!(written("meta.llama3-1-8b", Reasoning::Off), (json!({}), false));
        assert_eq!(written("meta.llama3-1-8b", Reasoning::Effort(Effort::Low)), (json!({}), true));
    }

    #[test]
    fn every_familys_words_are_read() {
        for (fields, expected, left) in [
            (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "x": 1}), Some(Reasoning::Budget(1024)), 1),
            (json!({"thinking": {"type": "adaptive"}}), Some(Reasoning::Adaptive { effort: None }), 0),
            (
                json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
                Some(Reasoning::Adaptive { effort: Some(Effort::Low) }),
                0,
            ),
            (json!({"output_config": {"effort": "max"}}), Some(Reasoning::Effort(Effort::Max)), 0),
            (json!({"reasoning_config": {"type": "enabled", "budget_tokens": 2000}}), Some(Reasoning::Budget(2000)), 0),
            (json!({"reasoning_config": "high"}), Some(Reasoning::Effort(Effort::High)), 0),
            (json!({"reasoning_effort": "low"}), Some(Reasoning::Effort(Effort::Low)), 0),
            (json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}), Some(Reasoning::Effort(Effort::Medium)), 0),
            (json!({"reasoningConfig": {"type": "disabled"}}), Some(Reasoning::Off), 0),
            (json!({"thinking": {"type": "new"}, "output_config": {"format": {}}}), None, 2),
        ] {
            let Value::Object(mut object) = fields.clone() else { panic!() };
            assert_eq!((read(&mut object), object.len()), (expected, left), "{fields}");
        }
    }
}

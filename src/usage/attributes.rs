//! A record as attributes for an OpenTelemetry collector, by the names of the GenAI semantic conventions where these have one.

use super::record::{Record, Tokens};
use crate::trace::Value;

impl Record<'_> {
    /// All it tells but the time.
    pub fn attributes(&self) -> Vec<(&'static str, Value)> {
        let mut attributes = self.summary.attributes();
        attributes.extend([
            ("llm.mirror", self.mirror.into()),
            ("llm.degraded", self.degraded.into()),
            ("llm.duration", Value::seconds(self.summary.duration)),
        ]);
        let texts =
            [("llm.tokens_source", self.tokens_source), ("llm.cost.unknown", self.cost_unknown), ("llm.price_version", self.price_version)];
        attributes.extend(texts.into_iter().filter_map(|(name, text)| Some((name, Value::short(text?)))));
        if !self.tags.is_empty() {
            attributes.push(("llm.tags", self.tags.join(",").into()));
        }
        if let Some(tokens) = &self.tokens {
            tokens.add_to(&mut attributes);
        }
        if let Some(cost) = self.cost {
            attributes.extend([("llm.cost.nano", cost.nano.into()), ("llm.cost.currency", cost.currency.as_str().to_owned().into())]);
        }
        if let Some(cost) = self.reported_cost {
            let currency = cost.currency.as_str().to_owned().into();
            attributes.extend([("llm.reported_cost.nano", cost.nano.into()), ("llm.reported_cost.currency", currency)]);
        }
        attributes
    }
}

impl Tokens {
    /// The whole of prompt and answer, and those parts that there are.
    pub fn add_to(&self, attributes: &mut Vec<(&'static str, Value)>) {
        attributes.extend([("gen_ai.usage.input_tokens", self.prompt.into()), ("gen_ai.usage.output_tokens", self.completion.into())]);
        let parts = [
            ("gen_ai.usage.cache_read.input_tokens", self.cached),
            ("gen_ai.usage.cache_creation.input_tokens", self.cache_write),
            ("gen_ai.usage.reasoning.output_tokens", self.reasoning),
            ("llm.usage.audio_input_tokens", self.audio_input),
            ("llm.usage.audio_output_tokens", self.audio_output),
            ("llm.usage.image_input_tokens", self.image_input),
            ("llm.usage.image_output_tokens", self.image_output),
        ];
        attributes.extend(parts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.into())));
    }
}

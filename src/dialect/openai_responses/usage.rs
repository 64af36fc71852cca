//! Token counts, under this API's names.

use serde::{Deserialize, Serialize};

use crate::chat::Usage;

/// A `usage` object. Clients insist on both objects of details.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct WireUsage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    pub(super) fn to_hub(self) -> Usage {
        Usage {
            prompt: self.input_tokens,
            completion: self.output_tokens,
            cached: self.input_tokens_details.cached_tokens,
            cache_write: self.input_tokens_details.cache_write_tokens.filter(|count| *count > 0),
            reasoning: self.output_tokens_details.reasoning_tokens,
            ..Usage::default()
        }
    }

    pub(super) fn of(usage: &Usage) -> Self {
        let cached_tokens = Some(usage.cached.unwrap_or(0));
        let cache_write_tokens = Some(usage.cache_write.unwrap_or(0));
        Self {
            input_tokens: usage.prompt,
            input_tokens_details: InputDetails { cached_tokens, cache_write_tokens },
            output_tokens: usage.completion,
            output_tokens_details: OutputDetails { reasoning_tokens: Some(usage.reasoning.unwrap_or(0)) },
            total_tokens: usage.total(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_their_sense_under_other_names() {
        let text = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":14}"#;
        let usage = serde_json::from_str::<WireUsage>(text).unwrap().to_hub();
        assert_eq!((usage.prompt, usage.completion, usage.cached, usage.reasoning, usage.total()), (9, 5, Some(4), Some(2), 14));
        let back: WireUsage = serde_json::from_str(&serde_json::to_string(&WireUsage::of(&usage)).unwrap()).unwrap();
        assert_eq!(back.to_hub(), usage);
    }
}

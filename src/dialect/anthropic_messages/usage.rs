//! Token counts. Anthropic counts cached and cache-written tokens beside `input_tokens`; the hub counts them inside the prompt.

use serde::{Deserialize, Serialize};

use crate::base::service_tier::ServiceTier;
use crate::chat::Usage;

/// A usage object as it is on the wire. Every field may be missing or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
    service_tier: Option<ServiceTier>,
    speed: Option<ServiceTier>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl WireUsage {
    /// Takes what a later object tells. Counts are cumulative: a later one replaces, and what it leaves out still holds.
    pub(super) fn update(&mut self, later: &Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.service_tier = later.service_tier.or(self.service_tier);
        self.speed = later.speed.or(self.speed);
    }

    pub(super) fn to_hub(self) -> Usage {
        let cached = self.cache_read_input_tokens;
        let cache_write = self.cache_creation_input_tokens;
        let beside = cached.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        Usage {
            prompt: self.input_tokens.unwrap_or(0).saturating_add(beside),
            completion: self.output_tokens.unwrap_or(0),
            cached,
            cache_write,
            cache_write_1h: self.cache_creation.map(|c| c.ephemeral_1h_input_tokens),
            reasoning: self.output_tokens_details.map(|d| d.thinking_tokens),
            tier: self.speed.filter(|speed| *speed == ServiceTier::Fast).or(self.service_tier).unwrap_or_default(),
            ..Usage::default()
        }
    }
}

/// A usage object for a client.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ClientUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

impl ClientUsage {
    pub(super) fn new(usage: &Usage) -> Self {
        let cached = usage.cached.unwrap_or(0);
        let cache_write = usage.cache_write.unwrap_or(0);
        Self {
            input_tokens: usage.prompt.saturating_sub(cached).saturating_sub(cache_write),
            cache_creation_input_tokens: cache_write,
            cache_read_input_tokens: cached,
            cache_creation: usage
                .cache_write_1h
                .map(|hour| CacheCreation { ephemeral_5m_input_tokens: cache_write.saturating_sub(hour), ephemeral_1h_input_tokens: hour }),
            output_tokens: usage.completion,
            output_tokens_details: usage.reasoning.map(|thinking_tokens| OutputDetails { thinking_tokens }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_tokens_move_into_the_prompt_and_back_out() {
        let text = r#"{"input_tokens":7,"cache_read_input_tokens":20,"cache_creation_input_tokens":5,"output_tokens":9,
            "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},
            "output_tokens_details":{"thinking_tokens":4},"server_tool_use":null}"#;
        let usage = serde_json::from_str::<WireUsage>(text).unwrap().to_hub();
        assert_eq!((usage.prompt, usage.completion, usage.total()), (32, 9, 41));
        assert_eq!((usage.cached, usage.cache_write, usage.cache_write_1h, usage.reasoning), (Some(20), Some(5), Some(3), Some(4)));
        let back: WireUsage = serde_json::from_str(&serde_json::to_string(&ClientUsage::new(&usage)).unwrap()).unwrap();
        assert_eq!(back.to_hub(), usage);
    }

    #[test]
    fn later_counts_replace_and_missing_ones_stay() {
        let mut usage: WireUsage = serde_json::from_str(r#"{"input_tokens":10,"cache_read_input_tokens":3,"output_tokens":1}"#).unwrap();
        usage.update(&serde_json::from_str(r#"{"output_tokens":40}"#).unwrap());
        usage.update(&serde_json::from_str(r#"{"output_tokens":59,"input_tokens":null}"#).unwrap());
        assert_eq!((usage.to_hub().prompt, usage.to_hub().completion), (13, 59));
    }
}

//! Token counts. Bedrock counts cached and cache-written tokens beside `inputTokens`, yet inside `totalTokens`; the hub counts
//! them inside the prompt.

use serde::{Deserialize, Serialize};

use crate::chat::Usage;

const HOUR: &str = "1h";

/// A `usage` object.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WireUsage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_details: Vec<CacheDetail>,
}

/// The tokens written to the cache for a time.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct CacheDetail {
    ttl: String,
    input_tokens: u64,
}

impl WireUsage {
    pub(super) fn to_hub(&self) -> Usage {
        let (cached, cache_write) = (self.cache_read_input_tokens, self.cache_write_input_tokens);
        Usage {
            prompt: self.input_tokens.saturating_add(cached.unwrap_or(0)).saturating_add(cache_write.unwrap_or(0)),
            completion: self.output_tokens,
            cached,
            cache_write,
            cache_write_1h: self.cache_details.iter().find(|detail| detail.ttl == HOUR).map(|detail| detail.input_tokens),
            ..Usage::default()
        }
    }

    pub(super) fn of(usage: &Usage) -> Self {
        let beside = usage.cached.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
        let hour = usage.cache_write_1h.map(|input_tokens| CacheDetail { ttl: HOUR.to_owned(), input_tokens });
        Self {
            input_tokens: usage.prompt.saturating_sub(beside),
            output_tokens: usage.completion,
            total_tokens: usage.total(),
            cache_read_input_tokens: usage.cached,
            cache_write_input_tokens: usage.cache_write,
            cache_details: hour.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_tokens_move_into_the_prompt_and_back_out() {
        let text = r#"{"inputTokens":13,"outputTokens":5,"totalTokens":1522,"cacheReadInputTokens":1504,"cacheReadInputTokenCount":1504,
            "cacheWriteInputTokens":0,"cacheDetails":[{"ttl":"1h","inputTokens":0}],"serverToolUsage":{}}"#;
        let usage = serde_json::from_str::<WireUsage>(text).unwrap().to_hub();
        assert_eq!((usage.prompt, usage.completion, usage.total()), (1517, 5, 1522));
        assert_eq!((usage.cached, usage.cache_write, usage.cache_write_1h), (Some(1504), Some(0), Some(0)));
        let written = serde_json::to_string(&WireUsage::of(&usage)).unwrap();
        assert!(written.contains(r#""inputTokens":13,"outputTokens":5,"totalTokens":1522"#), "{written}");
        assert_eq!(serde_json::from_str::<WireUsage>(&written).unwrap().to_hub(), usage);
    }
}

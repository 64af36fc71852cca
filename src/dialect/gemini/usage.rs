//! Token counts. Gemini counts thoughts beside the answer's tokens and leaves out what is 0; the hub counts them inside.

use serde::{Deserialize, Serialize};

use crate::base::service_tier::ServiceTier;
use crate::chat::Usage;

/// A `usageMetadata` object. Counts are cumulative: a later one replaces an earlier one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WireUsage {
    prompt_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_token_count: Option<u64>,
    /// Of the prompt: the results of tools that the vendor ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    total_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<Modality>,
    /// What the answer was served as: Gemini's word, and Vertex's.
    #[serde(skip_serializing)]
    service_tier: ServiceTier,
    #[serde(skip_serializing)]
    traffic_type: ServiceTier,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct Modality {
    modality: String,
    token_count: u64,
}

impl WireUsage {
    pub(super) fn to_hub(&self) -> Usage {
        let of = |details: &[Modality], kind: &str| details.iter().find(|detail| detail.modality == kind).map(|detail| detail.token_count);
        let thoughts = self.thoughts_token_count;
        Usage {
            prompt: self.prompt_token_count.unwrap_or(0).saturating_add(self.tool_use_prompt_token_count.unwrap_or(0)),
            completion: self.candidates_token_count.unwrap_or(0).saturating_add(thoughts.unwrap_or(0)),
            cached: self.cached_content_token_count,
            reasoning: thoughts,
            audio_in: of(&self.prompt_tokens_details, "AUDIO"),
            audio_out: of(&self.candidates_tokens_details, "AUDIO"),
            image_in: of(&self.prompt_tokens_details, "IMAGE"),
            image_out: of(&self.candidates_tokens_details, "IMAGE"),
            tier: self.service_tier.max(self.traffic_type),
            ..Usage::default()
        }
    }

    pub(super) fn of(usage: &Usage) -> Self {
        let of = |kind: &str, count: Option<u64>| count.map(|token_count| Modality { modality: kind.to_owned(), token_count });
        Self {
            prompt_token_count: Some(usage.prompt),
            candidates_token_count: Some(usage.completion.saturating_sub(usage.reasoning.unwrap_or(0))),
            tool_use_prompt_token_count: None,
            cached_content_token_count: usage.cached,
            thoughts_token_count: usage.reasoning,
            total_token_count: Some(usage.total()),
            prompt_tokens_details: of("AUDIO", usage.audio_in).into_iter().chain(of("IMAGE", usage.image_in)).collect(),
            candidates_tokens_details: of("AUDIO", usage.audio_out).into_iter().chain(of("IMAGE", usage.image_out)).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_move_into_the_completion_and_back_out() {
        let text = r#"{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":6,"toolUsePromptTokenCount":2,
            "cachedContentTokenCount":5,"totalTokenCount":21,"promptTokensDetails":[{"modality":"TEXT","tokenCount":7},{"modality":"AUDIO","tokenCount":2}]}"#;
        let usage = serde_json::from_str::<WireUsage>(text).unwrap().to_hub();
        assert_eq!((usage.prompt, usage.completion, usage.total()), (11, 10, 21));
        assert_eq!((usage.cached, usage.reasoning, usage.audio_in), (Some(5), Some(6), Some(2)));
        for (told, tier) in
            [(r#""trafficType":"ON_DEMAND_PRIORITY""#, ServiceTier::Priority), (r#""serviceTier":"flex""#, ServiceTier::Flex)]
        {
            let usage = serde_json::from_str::<WireUsage>(&format!("{{{told}}}")).unwrap();
            assert_eq!(usage.to_hub().tier, tier, "{told}");
        }
        let back: WireUsage = serde_json::from_str(&serde_json::to_string(&WireUsage::of(&usage)).unwrap()).unwrap();
        assert_eq!(back.to_hub(), usage);
    }

    #[test]
    fn counts_that_are_zero_may_be_missing() {
        let usage = serde_json::from_str::<WireUsage>(r#"{"promptTokenCount":14,"totalTokenCount":14}"#).unwrap().to_hub();
        assert_eq!(usage, Usage { prompt: 14, ..Usage::default() });
    }
}

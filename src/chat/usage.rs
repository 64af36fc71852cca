//! Token counts, in OpenAI's sense.

use crate::base::service_tier::ServiceTier;

/// Token counts of one answer. `prompt` includes cached and cache-written tokens, `completion` includes reasoning.
/// Vendors that count otherwise (Anthropic, xAI) are converted by their dialect's reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
    /// Of `prompt`: read from the vendor's prompt cache.
    pub cached: Option<u64>,
    /// Of `prompt`: written to the vendor's prompt cache.
    pub cache_write: Option<u64>,
    /// Of `cache_write`: the part kept for an hour instead of five minutes.
    pub cache_write_1h: Option<u64>,
    /// Of `completion`: spent on reasoning.
    pub reasoning: Option<u64>,
    /// Of `prompt`.
    pub audio_in: Option<u64>,
    /// Of `completion`.
    pub audio_out: Option<u64>,
    /// Of `prompt`.
    pub image_in: Option<u64>,
    /// Of `completion`.
    pub image_out: Option<u64>,
    /// What the vendor served the answer as.
    pub tier: ServiceTier,
    /// Of `completion`.
    pub accepted_prediction: Option<u64>,
    /// Of `completion`.
    pub rejected_prediction: Option<u64>,
}

impl Usage {
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

//! The record of one request, as sinks get it. It holds no prompt, no answer and no key.

use super::summary::Summary;
use crate::base::service_tier::ServiceTier;
use crate::chat::Usage;
use crate::price::{Cost, Currency};

/// What became of one request of a client, told once when it ends.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    pub summary: &'a Summary<'a>,
    /// The client's own words for it (`x-llm-tags`).
    pub tags: &'a [String],
    /// Its upstream model as metrics may name it: a name of the configuration, or `other`.
    pub label: Option<&'a str>,
    /// A copy of another request, which no client waits for.
    pub mirror: bool,
    /// The answer is that of the route's last resort.
    pub degraded: bool,
    /// What the answer took; none where no upstream answered.
    pub tokens: Option<Tokens>,
    /// `vendor` or `estimated`; none without tokens.
    pub tokens_source: Option<&'static str>,
    /// What the answering attempt cost, in the currency of its price; none where that is not known.
    pub cost: Option<Money>,
    /// The parts of it.
    pub cost_by_kind: Option<Cost>,
    /// What the whole request cost, billed attempts that failed or lost included, in the currency that is reported in.
    pub reported_cost: Option<Money>,
    /// The answering attempt's part of it, in billionths.
    pub answer_reported: Option<u64>,
    /// The one that is reported in, whether there is a cost or not.
    pub currency: Currency,
    /// Why there is no cost although the vendor may bill the answer: `no_price`, `interrupted` or `not_counted`.
    pub cost_unknown: Option<&'static str>,
    /// Names the prices it was billed by.
    pub price_version: Option<&'a str>,
    /// The attempts that the answer did not come by, as far as they may be billed.
    pub other_attempts: Vec<OtherAttempt<'a>>,
}

impl<'a> Record<'a> {
    /// Of a request that used nothing; `currency` is the one that is reported in.
    pub fn of(summary: &'a Summary<'a>, currency: Currency) -> Self {
        Self {
            summary,
            tags: &[],
            label: None,
            mirror: false,
            degraded: false,
            tokens: None,
            tokens_source: None,
            cost: None,
            cost_by_kind: None,
            reported_cost: None,
            answer_reported: None,
            currency,
            cost_unknown: None,
            price_version: None,
            other_attempts: Vec::new(),
        }
    }
}

/// Token counts in OpenAI's sense: `prompt` holds the parts of the prompt, `completion` those of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub prompt: u64,
    pub completion: u64,
    pub cached: u64,
    pub cache_write: u64,
    /// Of `cache_write`.
    pub cache_write_1h: u64,
    pub reasoning: u64,
    pub audio_input: u64,
    pub audio_output: u64,
    pub image_input: u64,
    pub image_output: u64,
    pub service_tier: ServiceTier,
}

impl Tokens {
    /// Whether any part of prompt or answer is counted for itself.
    pub(super) fn has_parts(&self) -> bool {
        let Self { cached, cache_write, cache_write_1h, reasoning, audio_input, audio_output, image_input, image_output, .. } = *self;
        cached | cache_write | cache_write_1h | reasoning | audio_input | audio_output | image_input | image_output != 0
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            prompt: usage.prompt,
            completion: usage.completion,
            cached: usage.cached.unwrap_or(0),
            cache_write: usage.cache_write.unwrap_or(0),
            cache_write_1h: usage.cache_write_1h.unwrap_or(0),
            reasoning: usage.reasoning.unwrap_or(0),
            audio_input: usage.audio_in.unwrap_or(0),
            audio_output: usage.audio_out.unwrap_or(0),
            image_input: usage.image_in.unwrap_or(0),
            image_output: usage.image_out.unwrap_or(0),
            service_tier: usage.tier,
        }
    }
}

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Billionths of the currency's unit.
    pub nano: u64,
    pub currency: Currency,
}

/// An attempt that the answer did not come by.
#[derive(Clone, Debug)]
pub struct OtherAttempt<'a> {
    pub provider: &'a str,
    pub model: &'a str,
    /// As in the record itself.
    pub label: &'a str,
    /// What became of it, as in `llm_upstream_attempts_total`.
    pub class: &'static str,
    pub tokens: Option<Tokens>,
    pub cost: Option<Money>,
    /// The same in the currency that is reported in.
    pub reported_cost: Option<Money>,
    /// As in the record itself.
    pub cost_unknown: Option<&'static str>,
}

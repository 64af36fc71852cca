//! What one attempt used, and what the vendor bills for it.

use std::sync::Arc;

use super::record::Money;
use crate::base::kind::Kind;
use crate::chat::Usage;
use crate::price::{Book, Cost, Counts, Currency, Schedule};

/// Who counted the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Vendor,
    /// From the bytes, as the vendor told nothing, or not all before the answer was cut.
    Estimated,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Estimated => "estimated",
        }
    }
}

/// Why it is not known what something cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The model is not in the prices.
    NoPrice,
    /// The vendor may have worked on it, but did not say.
    Interrupted,
    /// What the answer holds is not counted (files, images, sound).
    NotCounted,
}

impl Unknown {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPrice => "no_price",
            Self::Interrupted => "interrupted",
            Self::NotCounted => "not_counted",
        }
    }
}

/// What an attempt used and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    pub usage: Usage,
    pub source: Source,
    /// `None` where the model has no price.
    pub cost: Option<Cost>,
    /// The cost in the currency that is reported in, in nano-units; `None` where no exchange rate leads there.
    pub reported: Option<u64>,
    pub reported_currency: Currency,
    /// Names the prices.
    pub price_version: Arc<str>,
}

impl Charge {
    /// By the prices at a Unix second.
    pub fn new(book: &Book, price: Option<&Schedule>, usage: Usage, source: Source, at: u64) -> Self {
        let cost = price.map(|price| price.cost(&counts(&usage), usage.tier, at));
        Self {
            usage,
            source,
            cost,
            reported: cost.and_then(|cost| book.exchange().convert(cost.total, cost.currency, book.currency(), at)),
            reported_currency: book.currency(),
            price_version: Arc::clone(book.version()),
        }
    }
}

impl Charge {
    /// In the currency that is reported in.
    pub fn reported_money(&self) -> Option<Money> {
        self.reported.map(|nano| Money { nano, currency: self.reported_currency })
    }
}

/// Each token in one kind. Where a vendor's parts are more than their whole, the first ones count.
pub fn counts(usage: &Usage) -> Counts {
    let mut counts = Counts::default();
    let mut split = |mut whole: u64, parts: &[(Kind, u64)], rest: Kind| {
        for (kind, part) in parts {
            let part = (*part).min(whole);
            whole -= part;
            counts.set(*kind, part);
        }
        counts.set(rest, whole);
    };
    let hour = usage.cache_write_1h.unwrap_or(0);
    let written = usage.cache_write.unwrap_or(0).max(hour);
    let prompt = [
        (Kind::CacheRead, usage.cached.unwrap_or(0)),
        (Kind::CacheWrite1h, hour),
        (Kind::CacheWrite, written - hour),
        (Kind::AudioInput, usage.audio_in.unwrap_or(0)),
        (Kind::ImageInput, usage.image_in.unwrap_or(0)),
    ];
    split(usage.prompt, &prompt, Kind::Input);
    let answer = [
        (Kind::Reasoning, usage.reasoning.unwrap_or(0)),
        (Kind::AudioOutput, usage.audio_out.unwrap_or(0)),
        (Kind::ImageOutput, usage.image_out.unwrap_or(0)),
    ];
    split(usage.completion, &answer, Kind::Output);
    counts.set(Kind::Request, 1);
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_token_is_in_one_kind(
            prompt: u32, completion: u32, parts in proptest::array::uniform8(proptest::option::of(0_u64..1 << 33))
        ) {
            let [cached, cache_write, cache_write_1h, reasoning, audio_in, audio_out, image_in, image_out] = parts;
            let (prompt, completion) = (u64::from(prompt), u64::from(completion));
            let usage = Usage { prompt, completion, cached, cache_write, cache_write_1h, reasoning, audio_in, audio_out, image_in, image_out, ..Usage::default() };
            let counts = counts(&usage);
            prop_assert_eq!(counts.prompt(), prompt);
            let answer: u64 = [Kind::Output, Kind::Reasoning, Kind::AudioOutput, Kind::ImageOutput].into_iter().map(|kind| counts.get(kind)).sum();
            prop_assert_eq!(answer, completion);
        }
    }
}

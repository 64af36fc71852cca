//! From records of use to sums.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::usage::{Record, Tokens};

/// What is summed up of the requests of a day that went to one model for one client. An attempt that the answer did not come by is
/// no request, but its tokens and its cost are of its own model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    pub requests: u64,
    /// Of the requests: those that ended neither complete nor by their client.
    pub failed: u64,
    /// Attempts that may have been billed, of which it is not known at what cost.
    pub cost_unknown: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Of the prompt.
    pub cached_tokens: u64,
    /// Of the prompt.
    pub cache_write_tokens: u64,
    /// Of the completion.
    pub reasoning_tokens: u64,
    /// In billionths of the currency's unit.
    pub cost_nano: u64,
}

impl Sums {
    pub(super) const COLUMNS: [&'static str; 9] =
        ["requests", "failed", "unknown_costs", "prompt", "completion", "cached", "cache_write", "reasoning", "cost"];

    /// In the order of the columns.
    pub(super) fn numbers(&self) -> [u64; Self::COLUMNS.len()] {
        [
            self.requests,
            self.failed,
            self.cost_unknown,
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.cost_nano,
        ]
    }

    pub(super) fn of(numbers: [u64; Self::COLUMNS.len()]) -> Self {
        let [requests, failed, cost_unknown, prompt, completion, cached, cache_write, reasoning, cost_nano] = numbers;
        Self {
            requests,
            failed,
            cost_unknown,
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_write_tokens: cache_write,
            reasoning_tokens: reasoning,
            cost_nano,
        }
    }

    fn add(&mut self, other: &Self) {
        let (mut sums, others) = (self.numbers(), other.numbers());
        sums.iter_mut().zip(others).for_each(|(sum, other)| *sum = sum.saturating_add(other));
        *self = Self::of(sums);
    }

    fn attempt(tokens: Option<&Tokens>, cost: Option<u64>, is_unknown: bool) -> Self {
        let of = |count: fn(&Tokens) -> u64| tokens.map_or(0, count);
        Self {
            cost_unknown: is_unknown.into(),
            prompt_tokens: of(|tokens| tokens.prompt),
            completion_tokens: of(|tokens| tokens.completion),
            cached_tokens: of(|tokens| tokens.cached),
            cache_write_tokens: of(|tokens| tokens.cache_write),
            reasoning_tokens: of(|tokens| tokens.reasoning),
            cost_nano: cost.unwrap_or(0),
            ..Self::default()
        }
    }
}

/// Whose sums they are. What there is none of is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    day: String,
    provider: String,
    model: String,
    client: String,
    currency: String,
}

impl Key {
    pub(super) const COLUMNS: [&'static str; 5] = ["day", "provider", "model", "client", "currency"];

    /// In the order of the columns.
    pub(super) fn texts(&self) -> [&str; Self::COLUMNS.len()] {
        [&self.day, &self.provider, &self.model, &self.client, &self.currency]
    }

    fn of(record: &Record<'_>, provider: Option<&str>, model: Option<&str>) -> Self {
        Self {
            // Of an RFC 3339 time in UTC.
            day: record.summary.time.get(..10).unwrap_or_default().to_owned(),
            provider: provider.unwrap_or_default().to_owned(),
            model: model.unwrap_or_default().to_owned(),
            client: record.summary.client.unwrap_or_default().to_owned(),
            currency: record.currency.to_string(),
        }
    }
}

/// Sums of records that are not written yet. In the order of keys, so that two writers never wait for each other crosswise.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<Key, Sums>);

impl Tally {
    /// Adds a record, as long as there are no more than `most` keys. False where there was no room.
    pub(super) fn record(&mut self, record: &Record<'_>, most: usize) -> bool {
        if self.0.len() + record.other_attempts.len() >= most {
            return false;
        }
        let has_failed = !matches!(record.summary.outcome, "complete" | "cancelled");
        let answer = Sums {
            requests: 1,
            failed: has_failed.into(),
            ..Sums::attempt(record.tokens.as_ref(), record.answer_reported, record.cost_unknown.is_some())
        };
        self.add(Key::of(record, record.summary.provider, record.label), &answer);
        for other in &record.other_attempts {
            let sums = Sums::attempt(other.tokens.as_ref(), other.reported_cost.map(|cost| cost.nano), other.cost_unknown.is_some());
            self.add(Key::of(record, Some(other.provider), Some(other.label)), &sums);
        }
        true
    }

    /// Puts back what could not be written.
    pub(super) fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, sums)| self.add(key, &sums));
    }

    fn add(&mut self, key: Key, sums: &Sums) {
        self.0.entry(key).or_default().add(sums);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn requests(&self) -> u64 {
        self.0.values().map(|sums| sums.requests).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Sums)> {
        self.0.iter()
    }
}

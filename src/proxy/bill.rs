//! What attempts cost. Each is billed once, when it ends: its target's metrics and the budgets learn it there and then, the record
//! of its request when that ends.

use std::sync::Arc;

use parking_lot::Mutex;

use super::attempt::{BYTES_PER_TOKEN, End};
use super::worker::Worker;
use crate::base::outcome::{AttemptClass, Billed};
use crate::chat::Usage;
use crate::price::{Book, Currency, Nano};
use crate::runtime::{Reserved, Target, unix_now};
use crate::usage::{Charge, Money, OtherAttempt, Record, Source, Summary, Unknown};

/// What a vendor bills a request by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Billing {
    Tokens,
    /// Tokens or other things that the answer does not let the sidecar count.
    Uncounted,
    Nothing,
}

/// What one attempt cost.
pub(super) enum Bill {
    Nothing,
    Unknown(Unknown),
    Known(Box<Charge>),
}

/// An attempt that has ended.
pub(super) struct Item {
    /// Counts the attempts of a request, the first being 1.
    pub number: u32,
    pub target: Arc<Target>,
    pub class: AttemptClass,
    pub bill: Bill,
}

impl Item {
    pub(super) fn charge(&self) -> Option<&Charge> {
        match &self.bill {
            Bill::Known(charge) => Some(charge),
            Bill::Nothing | Bill::Unknown(_) => None,
        }
    }

    /// In the currency of the price.
    pub(super) fn cost(&self) -> Option<Money> {
        self.charge()?.cost.map(|cost| Money { nano: cost.total, currency: cost.currency })
    }

    /// Why it is not known what it cost.
    pub(super) fn unknown(&self) -> Option<&'static str> {
        match &self.bill {
            Bill::Unknown(why) => Some(why.as_str()),
            Bill::Known(charge) if charge.cost.is_none() => Some(Unknown::NoPrice.as_str()),
            Bill::Nothing | Bill::Known(_) => None,
        }
    }
}

impl Item {
    /// The record of a request that was answered by this attempt; `currency` is the one that is reported in.
    pub(super) fn record<'a>(&'a self, summary: &'a Summary<'a>, currency: Currency) -> Record<'a> {
        let mut record = Record::of(summary, currency);
        if let Some(charge) = self.charge() {
            record.tokens = Some(charge.usage.into());
            record.tokens_source = Some(charge.source.as_str());
            record.cost = self.cost();
            record.cost_by_kind = charge.cost;
            record.answer_reported = charge.reported;
            record.price_version = Some(&charge.price_version);
        }
        record.cost_unknown = self.unknown();
        record
    }

    /// As a part of the record of a request that was answered by another attempt.
    pub(super) fn other(&self) -> OtherAttempt<'_> {
        let charge = self.charge();
        OtherAttempt {
            provider: &self.target.provider.name,
            model: &self.target.model,
            label: self.target.label(),
            class: self.class.as_str(),
            tokens: charge.map(|charge| charge.usage.into()),
            cost: self.cost(),
            reported_cost: charge.and_then(Charge::reported_money),
            cost_unknown: self.unknown(),
        }
    }
}

/// The bills of one request's attempts.
#[derive(Clone, Default)]
pub(super) struct Bills(pub Arc<Mutex<Vec<Item>>>);

/// What is known of an attempt that ends.
pub(super) struct Ending<'a> {
    pub worker: &'a Worker,
    pub target: &'a Target,
    pub billing: Billing,
    pub reserved: Option<Reserved>,
    /// Something of the answer has come.
    pub has_content: bool,
    /// An estimate of the prompt's tokens.
    pub prompt: u64,
    pub end: &'a End,
}

impl Ending<'_> {
    /// Makes out the bill, and has everyone learn it but the request itself.
    pub(super) fn bill(mut self) -> Bill {
        let (at, book) = (unix_now(), self.worker.runtime.prices.book());
        let bill = self.reckon(&book, at);
        let spending = &self.target.metrics(&self.worker.runtime.metrics).spending;
        match &bill {
            Bill::Nothing => {}
            Bill::Unknown(why) => spending.unknown(why.as_str()),
            Bill::Known(charge) => {
                match charge.cost {
                    Some(cost) => spending.cost(cost.currency.as_str(), cost.total),
                    None => spending.unknown(Unknown::NoPrice.as_str()),
                }
                match charge.reported {
                    Some(reported) => spending.reported(charge.reported_currency.as_str(), reported),
                    None if charge.cost.is_some() => spending.unknown("no_exchange_rate"),
                    None => {}
                }
                self.settle(charge, &book, at);
                self.compare(charge);
            }
        }
        bill
    }

    fn reckon(&self, book: &Book, at: u64) -> Bill {
        let Self { end, .. } = *self;
        match (self.billing, end.class.billed()) {
            (Billing::Nothing, _) | (_, Billed::No) => return Bill::Nothing,
            (_, Billed::Maybe) => return Bill::Unknown(Unknown::Interrupted),
            (Billing::Uncounted, Billed::Usage) if end.usage.is_none() && self.has_content => return Bill::Unknown(Unknown::NotCounted),
            (_, Billed::Usage) => {}
        }
        let Some((usage, source)) = self.used() else { return Bill::Unknown(Unknown::Interrupted) };
        let price = self.target.price(book);
        Bill::Known(Box::new(Charge::new(book, price.as_deref(), usage, source, at)))
    }

    /// As the vendor counts. What it told of an answer that was cut is what it knew before the end: the answer has at least as many
    /// tokens as were handed over. `None` where nothing has come, and the vendor may not have begun.
    fn used(&self) -> Option<(Usage, Source)> {
        let answer = self.end.delivered.div_ceil(BYTES_PER_TOKEN);
        match self.end.usage {
            Some(usage) if self.end.class == AttemptClass::Success => Some((usage, Source::Vendor)),
            Some(usage) => Some((Usage { completion: usage.completion.max(answer), ..usage }, Source::Estimated)),
            None if self.has_content => Some((Usage { prompt: self.prompt, completion: answer, ..Usage::default() }, Source::Estimated)),
            None => None,
        }
    }

    fn settle(&mut self, charge: &Charge, book: &Book, at: u64) {
        let (Some(reserved), Some(cost)) = (self.reserved.take(), charge.cost) else { return };
        for (entry, view) in reserved.settle(cost.total, cost.currency, book, at) {
            let (spent, amount) = (Nano(view.spent).to_string(), Nano(view.amount).to_string());
            tracing::warn!(budget = entry.name, spent, amount, currency = entry.currency.as_str(), "a budget is nearly spent");
        }
    }

    /// The sidecar's own estimates beside what the vendor counted, as far as both saw the same.
    fn compare(&self, charge: &Charge) {
        let usage = &charge.usage;
        if charge.source != Source::Vendor || self.prompt == 0 {
            return;
        }
        let answer = match self.end.delivered.div_ceil(BYTES_PER_TOKEN) {
            0 => (0, 0),
            own => (own, usage.completion.saturating_sub(usage.reasoning.unwrap_or(0))),
        };
        let spending = &self.target.metrics(&self.worker.runtime.metrics).spending;
        spending.compare((self.prompt, usage.prompt), answer);
    }
}

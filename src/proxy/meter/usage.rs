//! What a request cost, and its record of use.

use super::Meter;
use super::ended::Ended;
use crate::base::outcome::CacheResult;
use crate::proxy::attempt::Attempt;
use crate::proxy::bill::{Bill, Item};
use crate::proxy::keepers::Keepers;
use crate::usage::{Charge, Money, OtherAttempt, Record};

impl Meter {
    /// What the request cost, in the currency that is reported in. `None` where that is not known, or not yet.
    pub(in crate::proxy) fn total(&self) -> Option<Money> {
        if self.attempt.as_ref().is_some_and(|attempt| !attempt.has_ended()) {
            return None;
        }
        let (mut nano, mut currency) = (0_u64, self.worker.runtime.prices.book().currency());
        for item in self.bills.0.lock().iter() {
            match &item.bill {
                Bill::Nothing => {}
                Bill::Unknown(_) => return None,
                Bill::Known(charge) => {
                    nano = nano.saturating_add(charge.reported?);
                    currency = charge.reported_currency;
                }
            }
        }
        Some(Money { nano, currency })
    }

    /// An upstream has answered, and has done its part; or none was asked, as the cache had the answer.
    pub(in crate::proxy) fn answers_whole(&self) -> bool {
        let is_kept = matches!(self.cache, Some(CacheResult::Hit | CacheResult::Shared));
        is_kept || self.attempt.as_ref().is_some_and(Attempt::has_ended)
    }

    /// Makes the record of use, once, when the request has ended.
    pub(super) fn record(&self, keepers: &Keepers<'_>, ended: &Ended) {
        let bills = self.bills.0.lock();
        let answer = bills.iter().find(|item| Some(item.number) == self.answered);
        let charge = answer.and_then(Item::charge);
        let others = bills.iter().filter(|item| Some(item.number) != self.answered && !matches!(item.bill, Bill::Nothing));
        let record = Record {
            time: &ended.time,
            request_id: &self.request_id,
            outcome: ended.outcome.as_str(),
            status: ended.status,
            error: self.error.as_deref(),
            client: self.client.as_ref().map(|client| client.name.as_str()),
            tags: &self.tags,
            endpoint: self.endpoint,
            model: self.model.as_deref(),
            provider: self.target.as_ref().map(|target| target.provider.name.as_str()),
            upstream_model: self.target.as_ref().map(|target| &*target.model),
            label: self.target.as_ref().map(|target| target.label()),
            stream: self.stream,
            mirror: false,
            degraded: self.is_degraded,
            cache: self.cache.map(CacheResult::as_str),
            attempts: self.attempts,
            tokens: charge.map(|charge| charge.usage.into()),
            tokens_source: charge.map(|charge| charge.source.as_str()),
            cost: answer.and_then(Item::cost),
            cost_by_kind: charge.and_then(|charge| charge.cost),
            reported_cost: ended.total,
            answer_reported: charge.and_then(|charge| charge.reported),
            currency: self.worker.runtime.prices.book().currency(),
            cost_unknown: answer.and_then(Item::unknown),
            price_version: charge.map(|charge| &*charge.price_version),
            other_attempts: others.map(other).collect(),
            duration: ended.duration,
            first_token: ended.first_token,
        };
        keepers.record(&record, self.trace.as_ref().map(|trace| trace.context()));
    }
}

fn other(item: &Item) -> OtherAttempt<'_> {
    let charge = item.charge();
    OtherAttempt {
        provider: &item.target.provider.name,
        model: &item.target.model,
        label: item.target.label(),
        class: item.class.as_str(),
        tokens: charge.map(|charge| charge.usage.into()),
        cost: item.cost(),
        reported_cost: charge.and_then(Charge::reported_money),
        cost_unknown: item.unknown(),
    }
}

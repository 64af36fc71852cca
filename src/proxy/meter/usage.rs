//! What a request cost, and its record of use.

use super::Meter;
use super::ended::Ended;
use crate::base::outcome::CacheResult;
use crate::proxy::bill::{Bill, Item};
use crate::proxy::keepers::Keepers;
use crate::usage::{Money, Record};

impl Meter {
    /// What the request cost, in the currency that is reported in. `None` where that is not known, or not yet.
    pub(in crate::proxy) fn total(&self) -> Option<Money> {
        if self.attempt.as_ref().is_some_and(|attempt| !attempt.has_ended()) {
            return None;
        }
        let (mut nano, mut currency) = (0_u64, None);
        for item in self.bills.0.lock().iter() {
            match &item.bill {
                Bill::Nothing => {}
                Bill::Unknown(_) => return None,
                Bill::Known(charge) => {
                    nano = nano.saturating_add(charge.reported?);
                    currency = Some(charge.reported_currency);
                }
            }
        }
        Some(Money { nano, currency: currency.unwrap_or_else(|| self.worker.runtime.prices.book().currency()) })
    }

    /// An upstream has answered, and has done its part; or none was asked, as the cache had the answer.
    pub(in crate::proxy) fn answers_whole(&self) -> bool {
        let is_kept = matches!(self.cache, Some(CacheResult::Hit | CacheResult::Shared));
        is_kept || self.attempt.as_ref().is_some_and(|attempt| attempt.has_ended())
    }

    /// Makes the record of use, once, when the request has ended. `context` is where it is traced.
    pub(super) fn record(&self, keepers: &Keepers<'_>, ended: &Ended<'_>, context: Option<(u128, u64)>) {
        let bills = self.bills.0.lock();
        let answer = bills.iter().find(|item| Some(item.number) == self.answered);
        let others = bills.iter().filter(|item| Some(item.number) != self.answered && !matches!(item.bill, Bill::Nothing));
        let summary = &ended.summary;
        let currency = ended.total.map_or_else(|| self.worker.runtime.prices.book().currency(), |total| total.currency);
        // Filled in where it is: it is large to move.
        let mut record = match answer {
            Some(item) => item.record(summary, currency),
            None => Record::of(summary, currency),
        };
        record.tags = &self.tags;
        record.label = self.target.as_ref().map(|target| target.label());
        record.degraded = self.is_degraded;
        record.reported_cost = ended.total;
        record.other_attempts.extend(others.map(Item::other));
        keepers.record(&record, context);
    }
}

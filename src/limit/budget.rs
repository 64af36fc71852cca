//! What may be spent in a period of the calendar. A request reserves what it may cost before it is sent, and settles for what it
//! did cost: the budget is exceeded by no more than what requests under way cost beyond their reservations.

use std::sync::Arc;

use parking_lot::Mutex;

/// By the calendar in UTC; weeks begin on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
}

impl Period {
    /// The Unix seconds at which the period around `at` begins and the next one does.
    fn around(self, at: u64) -> (u64, u64) {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        const WEEK: u64 = 7 * DAY;
        /// The first Monday of 1970.
        const MONDAY: u64 = 4 * DAY;
        let even = |length: u64, offset: u64| {
            let start = at - (at + length - offset) % length;
            (start, start + length)
        };
        match self {
            Self::Hour => even(HOUR, 0),
            Self::Day => even(DAY, 0),
            Self::Week if at < MONDAY => (0, MONDAY),
            Self::Week => even(WEEK, MONDAY),
            Self::Month => month(at).unwrap_or_else(|| even(30 * DAY, 0)),
        }
    }
}

fn month(at: u64) -> Option<(u64, u64)> {
    let date = jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
    let second = |date: jiff::civil::Date| u64::try_from(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()).ok();
    let next = date.last_of_month().tomorrow().ok()?;
    Some((second(date.first_of_month())?, second(next)?))
}

/// How much may be spent in which period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// In nano-units of whatever currency the owner has in mind.
    pub amount: u64,
    pub per: Period,
    /// In thousandths of the amount: from here on there are warnings.
    pub warn_at: u32,
}

/// What is known of a budget at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetView {
    pub amount: u64,
    pub spent: u64,
    /// For requests under way.
    pub reserved: u64,
    /// The Unix second at which it starts anew.
    pub resets_at: u64,
    pub is_warning: bool,
}

/// There is not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub view: BudgetView,
}

/// One budget, shared by all that spend of it. Times are Unix seconds.
pub struct Budget(Mutex<State>);

struct State {
    settings: BudgetSettings,
    until: u64,
    spent: u64,
    /// Of what was spent: so much its keeper knows.
    told: u64,
    reserved: u64,
    has_warned: bool,
}

impl State {
    fn turn(&mut self, at: u64) {
        if at >= self.until {
            self.until = self.settings.per.around(at).1;
            self.spent = 0;
            self.told = 0;
            self.has_warned = false;
        }
    }

    fn view(&self) -> BudgetView {
        let BudgetSettings { amount, warn_at, .. } = self.settings;
        let is_warning = u128::from(self.spent) * 1000 >= u128::from(amount) * u128::from(warn_at);
        BudgetView { amount, spent: self.spent, reserved: self.reserved, resets_at: self.until, is_warning }
    }
}

impl Budget {
    pub fn new(settings: BudgetSettings) -> Self {
        Self(Mutex::new(State { settings, until: 0, spent: 0, told: 0, reserved: 0, has_warned: false }))
    }

    /// Takes other settings over; what is spent stays spent while the period lasts.
    pub fn reconfigure(&self, settings: BudgetSettings, at: u64) {
        let mut state = self.0.lock();
        if state.settings.per != settings.per {
            state.until = settings.per.around(at).1;
            // Of this period the keeper knows nothing yet.
            state.told = 0;
        }
        state.settings = settings;
    }

    pub fn view(&self, at: u64) -> BudgetView {
        let mut state = self.0.lock();
        state.turn(at);
        state.view()
    }

    /// Sets aside what a request may cost.
    pub fn reserve(self: &Arc<Self>, at: u64, amount: u64) -> Result<Reservation, Exceeded> {
        let mut state = self.0.lock();
        state.turn(at);
        let taken = state.spent.saturating_add(state.reserved);
        if taken >= state.settings.amount || taken.saturating_add(amount) > state.settings.amount {
            return Err(Exceeded { view: state.view() });
        }
        state.reserved += amount;
        Ok(Reservation { budget: Arc::clone(self), amount, is_warning: state.view().is_warning })
    }

    /// For whoever keeps what was spent: when the period ends, and what was spent in it since this was last asked.
    pub fn untold(&self, at: u64) -> (u64, u64) {
        let mut state = self.0.lock();
        state.turn(at);
        let untold = state.spent.saturating_sub(state.told);
        state.told = state.spent;
        (state.until, untold)
    }

    /// The keeper could not be told of so much of the period that ends then.
    pub fn not_told(&self, ends: u64, amount: u64) {
        let mut state = self.0.lock();
        if state.until == ends {
            state.told = state.told.saturating_sub(amount);
        }
    }

    /// The keeper was told, and knows of so much in the period that ends then, spent by whomever: what an earlier process and other
    /// replicas have spent is spent here, too.
    pub fn heard(&self, at: u64, ends: u64, total: u64) {
        let mut state = self.0.lock();
        state.turn(at);
        if state.until == ends {
            let others = total.saturating_sub(state.told);
            state.spent = state.spent.saturating_add(others);
            state.told = state.told.saturating_add(others);
        }
    }
}

/// Set aside for one request. Dropped, it costs nothing.
pub struct Reservation {
    budget: Arc<Budget>,
    amount: u64,
    /// The budget was nearly spent when this was set aside.
    pub is_warning: bool,
}

impl Reservation {
    /// The request did cost so much. Returns the budget as it stands where this was the first to reach the warning in its period.
    pub fn settle(mut self, at: u64, cost: u64) -> Option<BudgetView> {
        // Dropping it has nothing left to give back.
        let amount = std::mem::take(&mut self.amount);
        let mut state = self.budget.0.lock();
        state.reserved = state.reserved.saturating_sub(amount);
        state.turn(at);
        state.spent = state.spent.saturating_add(cost);
        let view = state.view();
        let is_first = view.is_warning && !std::mem::replace(&mut state.has_warned, view.is_warning);
        is_first.then_some(view)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.amount > 0 {
            let mut state = self.budget.0.lock();
            state.reserved = state.reserved.saturating_sub(self.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(amount: u64) -> Arc<Budget> {
        Arc::new(Budget::new(BudgetSettings { amount, per: Period::Hour, warn_at: 800 }))
    }

    #[test]
    fn periods_begin_by_the_calendar() {
        // 2026-02-28 12:34:56, a Saturday.
        let at = 1_772_282_096;
        assert_eq!(Period::Hour.around(at), (1_772_280_000, 1_772_283_600));
        assert_eq!(Period::Day.around(at), (1_772_236_800, 1_772_323_200));
        assert_eq!(Period::Week.around(at), (1_771_804_800, 1_772_409_600));
        assert_eq!(Period::Month.around(at), (1_769_904_000, 1_772_323_200));
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month] {
            let (start, end) = period.around(at);
            assert_eq!(period.around(start), (start, end));
            assert_eq!(period.around(end).0, end);
        }
    }

    #[test]
    fn what_is_reserved_is_not_there_for_others_until_it_is_settled() {
        let budget = budget(100);
        let first = budget.reserve(0, 60).unwrap();
        assert!(budget.reserve(0, 41).is_err());
        let second = budget.reserve(0, 40).unwrap();
        assert!(budget.reserve(0, 0).is_err(), "nothing is left");
        drop(second);
        assert_eq!(first.settle(0, 30), None);
        let view = budget.view(0);
        assert_eq!((view.spent, view.reserved, view.resets_at), (30, 0, 3600));
        assert_eq!(budget.reserve(1, 70).unwrap().settle(1, 50).map(|view| view.spent), Some(80), "the warning is told");
        assert_eq!(budget.reserve(1, 1).unwrap().settle(1, 1), None, "once");
        assert_eq!(budget.reserve(2, 30).err().map(|exceeded| exceeded.view.resets_at), Some(3600));
        assert!(budget.reserve(3600, 100).is_ok(), "a new period");
    }

    #[test]
    fn a_changed_amount_takes_effect_at_once() {
        let budget = budget(100);
        budget.reserve(0, 90).unwrap().settle(0, 90);
        assert!(budget.reserve(0, 20).is_err());
        budget.reconfigure(BudgetSettings { amount: 200, per: Period::Hour, warn_at: 1000 }, 0);
        assert_eq!(budget.view(0).spent, 90);
        assert!(budget.reserve(0, 20).is_ok());
    }

    #[test]
    fn two_processes_spend_of_one_budget_by_their_keeper() {
        let (one, other) = (budget(100), budget(100));
        let mut kept = 0;
        let mut tell = |budget: &Budget, at| {
            let (ends, amount) = budget.untold(at);
            kept += amount;
            budget.heard(at, ends, kept);
            budget.view(at).spent
        };
        let spend = |budget: &Arc<Budget>, amount| budget.reserve(0, amount).unwrap().settle(0, amount);
        spend(&one, 30);
        assert_eq!(tell(&one, 0), 30);
        assert_eq!(tell(&other, 0), 30, "as after a restart");
        spend(&one, 10);
        spend(&other, 5);
        assert_eq!((tell(&other, 0), tell(&one, 0), tell(&other, 0)), (35, 45, 45));
        assert!(other.reserve(0, 60).is_err());
        // A keeper that is away is told later.
        spend(&one, 1);
        let (ends, amount) = one.untold(0);
        one.not_told(ends, amount);
        assert_eq!((amount, one.untold(0)), (1, (3600, 1)));
        // What is heard of a period that has ended is of no use.
        one.heard(3600, 3600, 77);
        assert_eq!((one.view(3600).spent, one.untold(3600)), (0, (7200, 0)));
    }

    proptest! {
        #[test]
        fn no_more_is_spent_than_the_amount_and_what_went_beyond_reservations(
            requests in proptest::collection::vec((0_u64..50, 0_u64..80, any::<bool>()), 1..200)
        ) {
            let budget = budget(1000);
            let (mut open, mut beyond) = (Vec::new(), 0_u64);
            for (estimate, cost, settle_now) in requests {
                if let Ok(reservation) = budget.reserve(0, estimate) {
                    open.push((reservation, estimate, cost));
                }
                if settle_now && let Some((reservation, estimate, cost)) = open.pop() {
                    beyond += cost.saturating_sub(estimate);
                    reservation.settle(0, cost);
                }
                let view = budget.view(0);
                prop_assert!(view.spent + view.reserved <= 1000 + beyond);
            }
            drop(open);
            prop_assert_eq!(budget.view(0).reserved, 0);
        }
    }
}

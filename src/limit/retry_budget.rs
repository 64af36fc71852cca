//! A budget for retries, so that they cannot turn an upstream's trouble into an outage. All that sends a request again shares
//! one budget a provider: retry, fallback to it, and hedging.
//!
//! Two limits, both as a part of what clients themselves ask for:
//!
//! - at once: fewer retries under way than the ratio of the requests under way, but three are always allowed, as in Envoy's
//!   retry budget;
//! - over ten seconds: no more retries than the ratio of the first attempts of that time and a few more, as in Finagle's. Without
//!   it, retries of an upstream that refuses at once would never be under way together, however many there are.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ring::Ring;

/// Retries at once that are allowed whatever the ratio says.
const ALWAYS: u64 = 3;
/// How far back first attempts and retries are counted, a second a bucket.
const WINDOW: Duration = Duration::from_secs(10);
/// The ratio is kept in millionths: whole numbers, so that 58 % of 50 is 29.
const MILLION: u64 = 1_000_000;

/// The budget of one provider.
pub struct RetryBudget {
    state: Mutex<State>,
}

struct State {
    ratio: u64,
    /// Retries in a window that are allowed whatever the ratio says.
    few: u64,
    /// Requests under way.
    requests: u64,
    /// Retries under way.
    retries: u64,
    recent: Ring<Counts, 10>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    requests: u64,
    retries: u64,
}

impl RetryBudget {
    /// `ratio` is how many retries there may be for one request; 0.2 is usual. `few` retries in ten seconds are allowed
    /// beyond that, so that an upstream with little traffic is asked again, too.
    pub fn new(ratio: f64, few: u64, now: Instant) -> Self {
        let state = State { ratio: millionths(ratio), few, requests: 0, retries: 0, recent: Ring::new(WINDOW, now) };
        Self { state: Mutex::new(state) }
    }

    /// Takes over a changed ratio; counts stay.
    pub fn set_ratio(&self, ratio: f64) {
        self.state.lock().ratio = millionths(ratio);
    }

    /// A request makes its first attempt. To be held until the request ends.
    pub fn request(self: &Arc<Self>, now: Instant) -> UnderWay {
        let mut state = self.state.lock();
        state.requests += 1;
        state.recent.record(now, |bucket| bucket.requests += 1);
        drop(state);
        UnderWay { budget: Arc::clone(self) }
    }

    /// Asks for another attempt; `None` means that the request must do without. To be held from here, through the back-off,
    /// until the attempt ends.
    pub fn retry(self: &Arc<Self>, now: Instant) -> Option<RetryPermit> {
        let mut state = self.state.lock();
        let most_at_once = state.share(state.requests).max(ALWAYS);
        let (mut requests, mut retries) = (0, 0);
        for bucket in state.recent.buckets(now) {
            requests += bucket.requests;
            retries += bucket.retries;
        }
        if state.retries >= most_at_once || retries >= state.share(requests).saturating_add(state.few) {
            return None;
        }
        state.retries += 1;
        state.recent.record(now, |bucket| bucket.retries += 1);
        drop(state);
        Some(RetryPermit { budget: Arc::clone(self) })
    }
}

impl State {
    /// The ratio's part of `requests`, rounded down.
    fn share(&self, requests: u64) -> u64 {
        requests.saturating_mul(self.ratio) / MILLION
    }
}

/// Anything that is not a number of 0 or more counts as 0.
fn millionths(ratio: f64) -> u64 {
    (ratio * MILLION as f64).round() as u64
}

/// A request under way.
#[derive(Debug)]
#[must_use = "the request counts as ended when this is dropped"]
pub struct UnderWay {
    budget: Arc<RetryBudget>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.budget.state.lock().requests -= 1;
    }
}

/// A retry under way.
#[derive(Debug)]
#[must_use = "the retry counts as ended when this is dropped"]
pub struct RetryPermit {
    budget: Arc<RetryBudget>,
}

impl Drop for RetryPermit {
    fn drop(&mut self) {
        self.budget.state.lock().retries -= 1;
    }
}

impl std::fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryBudget").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(ratio: f64) -> (Arc<RetryBudget>, Instant) {
        let now = Instant::now();
        (Arc::new(RetryBudget::new(ratio, 3, now)), now)
    }

    #[test]
    fn three_retries_are_always_allowed_and_then_a_part_of_the_requests() {
        let (budget, now) = budget(0.2);
        let three: Vec<_> = (0..3).map(|_| budget.retry(now).expect("allowed")).collect();
        assert!(budget.retry(now).is_none());
        let requests: Vec<_> = (0..20).map(|_| budget.request(now)).collect();
        let fourth = budget.retry(now).expect("20 % of 20 are four");
        assert!(budget.retry(now).is_none(), "four are under way");
        drop((three, fourth));
        assert!(budget.retry(now).is_some(), "seven in ten seconds may be");
        drop(requests);
        let held: Vec<_> = std::iter::from_fn(|| budget.retry(now)).collect();
        assert_eq!(held.len(), 2, "the fifth was let go at once, the sixth and the seventh are held");
    }

    #[test]
    fn an_upstream_that_refuses_at_once_sees_little_more_than_was_asked() {
        let (budget, start) = budget(0.2);
        let mut retries = [0; 6];
        for request in 0..30_000_u32 {
            let at = SECOND * request / 500;
            let now = start + at;
            let _under_way = budget.request(now);
            for _ in 0..2 {
                // The attempt ends before the next begins: none is ever under way beside another.
                retries[at.as_secs() as usize / 10] += u32::from(budget.retry(now).is_some());
            }
        }
        assert_eq!(retries.map(|n| n <= 1003), [true; 6], "{retries:?}");
        assert_eq!(retries.map(|n| n >= 990), [true; 6], "{retries:?}");
    }

    #[test]
    fn a_changed_ratio_takes_effect_at_once() {
        let (budget, now) = budget(0.0);
        let _requests: Vec<_> = (0..50).map(|_| budget.request(now)).collect();
        let mut held: Vec<_> = std::iter::from_fn(|| budget.retry(now)).collect();
        assert_eq!(held.len(), 3);
        budget.set_ratio(0.58);
        held.extend(std::iter::from_fn(|| budget.retry(now)));
        assert_eq!(held.len(), 29);
        for nonsense in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            budget.set_ratio(nonsense);
            assert!(budget.retry(now + SECOND * 60).is_none());
        }
        budget.set_ratio(f64::INFINITY);
        assert!(budget.retry(now).is_some());
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pass(u64),
        Request,
        Retry,
        EndRequest(usize),
        EndRetry(usize),
        Ratio(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0..3_000_u64).prop_map(Step::Pass),
            6 => Just(Step::Request),
            6 => Just(Step::Retry),
            3 => any::<usize>().prop_map(Step::EndRequest),
            4 => any::<usize>().prop_map(Step::EndRetry),
            1 => (0..=100_u32).prop_map(Step::Ratio),
        ]
    }

    proptest! {
        /// Against logs of every first attempt and every retry, and exact fractions.
        #[test]
        fn allows_what_the_logs_allow(steps in prop::collection::vec(step(), 1..400)) {
            let (budget, start) = budget(0.2);
            let (mut percent, mut at) = (20, 0);
            let (mut requests, mut retries) = (Vec::new(), Vec::new());
            let (mut request_log, mut retry_log): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
            for step in steps {
                let now = start + Duration::from_millis(at);
                let recent = |log: &[u64]| log.iter().filter(|then| *then / 1000 + 10 > at / 1000).count() as u32;
                match step {
                    Step::Pass(time) => at += time,
                    Step::Request => {
                        requests.push(budget.request(now));
                        request_log.push(at);
                    }
                    Step::Retry => {
                        let room_at_once = 100 * (retries.len() as u32 + 1) <= (percent * requests.len() as u32).max(300);
                        let room_in_window = 100 * (recent(&retry_log) + 1) <= percent * recent(&request_log) + 300;
                        let permit = budget.retry(now);
                        prop_assert_eq!(permit.is_some(), room_at_once && room_in_window);
                        if let Some(permit) = permit {
                            retries.push(permit);
                            retry_log.push(at);
                        }
                    }
                    Step::EndRequest(nth) if !requests.is_empty() => drop(requests.swap_remove(nth % requests.len())),
                    Step::EndRetry(nth) if !retries.is_empty() => drop(retries.swap_remove(nth % retries.len())),
                    Step::EndRequest(_) | Step::EndRetry(_) => {}
                    Step::Ratio(new) => {
                        percent = new;
                        budget.set_ratio(f64::from(new) / 100.0);
                    }
                }
            }
            drop((requests, retries));
            let state = budget.state.lock();
            prop_assert_eq!((state.requests, state.retries), (0, 0));
        }
    }
}

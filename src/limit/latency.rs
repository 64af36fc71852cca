//! How fast a target begins its answers: the basis of choosing among targets and of deciding when a request is slow. It goes by
//! the time to the first token, never by the whole answer's: that depends on its length, and so on the question.

mod p2c;
mod peak_ewma;
mod percentile;

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

pub use p2c::choose;
pub use peak_ewma::PeakEwma;
pub use percentile::Percentile;

/// The first-token times of one target, shared by all its requests.
pub struct Latency {
    seen: Mutex<Seen>,
}

struct Seen {
    ewma: PeakEwma,
    percentile: Percentile,
}

impl Latency {
    pub fn new(now: Instant) -> Self {
        Self { seen: Mutex::new(Seen { ewma: PeakEwma::default(), percentile: Percentile::new(now) }) }
    }

    /// An answer began `first_token` after its attempt.
    pub fn record(&self, now: Instant, first_token: Duration) {
        let mut seen = self.seen.lock();
        seen.ewma.record(now, first_token);
        seen.percentile.record(now, first_token);
    }

    /// What another request would cost, see [`PeakEwma::cost`].
    pub fn cost(&self, now: Instant, in_flight: usize) -> f64 {
        self.seen.lock().ewma.cost(now, in_flight)
    }

    /// See [`Percentile::p95`].
    pub fn p95(&self, now: Instant) -> Option<Duration> {
        self.seen.lock().percentile.p95(now)
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_fast_and_a_slow_target_the_fast_one_gets_nearly_all_until_it_is_busy() {
        let now = Instant::now();
        let targets = [Latency::new(now), Latency::new(now), Latency::new(now)];
        for (target, seconds) in targets.iter().zip([1, 10, 10]) {
            (0..20).for_each(|_| target.record(now, Duration::from_secs(seconds)));
        }
        assert_eq!(targets.each_ref().map(|target| target.p95(now).is_some()), [true; 3]);
        let mut in_flight = [0; 3];
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..120 {
            let cost = |at: usize| targets.get(at).map_or(f64::INFINITY, |target| target.cost(now, in_flight[at]));
            let at = choose(targets.len(), |n| rng.usize(..n), cost).unwrap();
            in_flight[at] += 1;
        }
        // Two of three draws hold the fast one; ten times as fast, it carries up to ten times as much.
        assert!((75..=110).contains(&in_flight[0]), "{in_flight:?}");
    }
}

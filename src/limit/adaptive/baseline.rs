//! How long a first token usually takes, learnt slowly; and whether it takes too long now.

use std::time::Duration;

/// So many times the baseline is slow. Prompts of other lengths make a median wander, a queue at the vendor makes it leap.
const TOLERANCE: u32 = 2;
/// What the baseline rises by in a round, as a divisor: it doubles in six minutes of rounds of a second.
const RISE: u32 = 500;
/// So many rounds after the slowest, in which the limit has lost two fifths (0.9^5), the time must have fallen by a quarter. If it
/// has not, fewer requests do not help: the requests have changed, or the vendor has, and this is the usual time now.
const PATIENCE: u32 = 5;

#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    usual: Option<Duration>,
    /// While it is slow.
    slow: Option<Slow>,
}

#[derive(Clone, Copy, Debug)]
struct Slow {
    slowest: Duration,
    /// Since the slowest.
    rounds: u32,
}

impl Baseline {
    /// Takes in the median of a round. Whether it is slow.
    pub(super) fn is_slow(&mut self, median: Duration) -> bool {
        let Some(usual) = self.usual else {
            self.usual = Some(median);
            return false;
        };
        if median <= usual * TOLERANCE {
            self.slow = None;
            // Down by half of the way, up by little: a time seen once has been possible.
            self.usual = Some(if median < usual { (usual + median) / 2 } else { median.min(usual + usual / RISE) });
            return false;
        }
        let anew = Slow { slowest: median, rounds: 0 };
        let slow = match self.slow {
            // A quarter more is within a median's noise.
            Some(slow) if median <= slow.slowest * 5 / 4 => Slow { rounds: slow.rounds + 1, ..slow },
            _ => anew,
        };
        self.slow = Some(slow);
        if slow.rounds < PATIENCE {
            return true;
        }
        let helped = median <= slow.slowest * 3 / 4;
        if helped {
            self.slow = Some(anew);
        } else {
            *self = Self { usual: Some(median), slow: None };
        }
        helped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(millis: u64) -> Baseline {
        let mut baseline = Baseline::default();
        for _ in 0..20 {
            assert!(!baseline.is_slow(Duration::from_millis(millis)));
        }
        baseline
    }

    #[test]
    fn twice_the_usual_is_slow() {
        let mut baseline = learnt(300);
        assert!(!baseline.is_slow(Duration::from_millis(600)));
        assert!(baseline.is_slow(Duration::from_millis(700)));
        assert!(!baseline.is_slow(Duration::from_millis(300)));
    }

    #[test]
    fn what_fewer_requests_do_not_help_becomes_usual() {
        let mut baseline = learnt(300);
        let slow = (0..100).filter(|_| baseline.is_slow(Duration::from_secs(3))).count();
        assert_eq!(slow, 5);
        assert!(!baseline.is_slow(Duration::from_secs(5)));
    }

    #[test]
    fn what_fewer_requests_help_stays_slow() {
        let mut baseline = learnt(300);
        let mut time = Duration::from_secs(10);
        let mut slow = 0;
        while baseline.is_slow(time) {
            slow += 1;
            time = time * 9 / 10;
        }
        assert!(slow > 20, "{slow}");
        assert!(time < Duration::from_millis(1_200), "{time:?}");
    }

    #[test]
    fn a_slow_rise_is_followed() {
        let mut baseline = learnt(300);
        let mut time = Duration::from_millis(300);
        for _ in 0..2_000 {
            time += time / 1_000;
            assert!(!baseline.is_slow(time));
        }
        assert!(time > Duration::from_secs(2));
    }
}

//! A limit of requests at once that finds its own height, from how the vendor answers.
//!
//! The signals are the time to the first token, never the whole time of an answer, for that is its length; and drops: answers the
//! vendor refused (429, 503, 529) or did not give in time. A client that goes away is no signal.

mod aimd;
mod baseline;
mod gradient2;
mod samples;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use aimd::Aimd;
use gradient2::Gradient2;

/// First-token times are taken for at least and at most so long: below, the network and the scheduler decide; above, no sum
/// of them overflows.
const TIMES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(3_600));

/// How a limit adapts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveSettings {
    /// The limit to begin with.
    pub initial: u32,
    /// Never less; at least 1.
    pub min: u32,
    /// Never more.
    pub max: u32,
    pub algorithm: AdaptiveAlgorithm,
}

/// The law a limit follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdaptiveAlgorithm {
    /// Additive increase, multiplicative decrease. Follows drops foremost.
    #[default]
    Aimd,
    /// Follows the time to the first token against its long-term average. Smoother and slower: it grows by less than one in a
    /// window, and takes longer prompts for an overload until the average has learnt them, in minutes.
    Gradient2,
}

impl AdaptiveSettings {
    /// From 20 on, between 1 and `max`.
    pub fn new(max: u32) -> Self {
        Self { initial: 20, min: 1, max, algorithm: AdaptiveAlgorithm::Aimd }
    }

    fn clamp(&self, limit: f64) -> f64 {
        let min = self.min.max(1);
        limit.clamp(min.into(), self.max.max(min).into())
    }
}

/// An adaptive limit.
#[derive(Clone, Debug)]
pub struct Adaptive {
    settings: AdaptiveSettings,
    /// Whole requests may be under way, but it grows and shrinks by parts of one.
    limit: f64,
    law: Law,
}

#[derive(Clone, Debug)]
enum Law {
    Aimd(Aimd),
    Gradient2(Gradient2),
}

impl Adaptive {
    pub fn new(settings: AdaptiveSettings, now: Instant) -> Self {
        let limit = settings.clamp(settings.initial.into());
        Self { settings, limit, law: Law::new(settings.algorithm, limit, now) }
    }

    /// The most requests at once.
    pub fn limit(&self) -> u32 {
        // Within u32, for so are its bounds.
        self.limit as u32
    }

    /// An answer's first token came after `time`; `in_flight` requests were under way, this one included.
    pub fn first_token(&mut self, now: Instant, in_flight: u32, time: Duration) {
        let time = time.clamp(TIMES.0, TIMES.1);
        self.limit = self.settings.clamp(match &mut self.law {
            Law::Aimd(aimd) => aimd.first_token(self.limit, now, in_flight, time),
            Law::Gradient2(gradient) => gradient.first_token(self.limit, now, in_flight, time),
        });
    }

    /// The vendor refused a request, or gave no answer in time.
    pub fn dropped(&mut self, now: Instant) {
        self.limit = self.settings.clamp(match &mut self.law {
            Law::Aimd(aimd) => aimd.dropped(self.limit, now),
            Law::Gradient2(gradient) => gradient.dropped(self.limit, now),
        });
    }

    /// Changes the settings and keeps the limit, as far as it is within its new bounds. The same settings change nothing.
    pub fn reconfigure(&mut self, now: Instant, settings: AdaptiveSettings) {
        self.limit = settings.clamp(self.limit);
        if settings.algorithm != self.settings.algorithm {
            self.law = Law::new(settings.algorithm, self.limit, now);
        }
        self.settings = settings;
    }
}

impl Law {
    fn new(algorithm: AdaptiveAlgorithm, limit: f64, now: Instant) -> Self {
        match algorithm {
            AdaptiveAlgorithm::Aimd => Self::Aimd(Aimd::new(limit, now)),
            AdaptiveAlgorithm::Gradient2 => Self::Gradient2(Gradient2::new(now)),
        }
    }
}

/// Growth is pointless while not even half of the limit is used.
fn is_pushed(limit: f64, in_flight: u32) -> bool {
    f64::from(in_flight) * 2.0 >= limit.floor()
}

//! The limits of a limiter: all let a request through, or none is charged.

use std::time::Duration;

use tokio::time::Instant;

use super::refusal::RefusalKind;
use super::settings::{Concurrency, LimiterSettings};
use super::view::{Quota, Quotas};
use crate::limit::adaptive::Adaptive;
use crate::limit::permits::{Permit, Permits};
use crate::limit::rate::{RateLimiter, RateSettings, Wait};

#[derive(Debug)]
pub(super) struct Limits {
    requests: Vec<RateLimiter>,
    tokens: Vec<RateLimiter>,
    concurrency: Option<AtOnce>,
    permits: Permits,
}

/// A limit of requests at once.
#[derive(Debug)]
enum AtOnce {
    Fixed(u32),
    Adaptive(Adaptive),
}

/// What a request has taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) permit: Permit,
    pub(super) at: Instant,
    pub(super) tokens: u64,
}

/// Why a request cannot be let through at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blocked {
    /// A limit over time gives room after this time.
    For(RefusalKind, Duration),
    /// A limit never lets it through.
    Never(RefusalKind),
    /// As many are under way as may be.
    Concurrency,
}

impl Limits {
    pub(super) fn new(permits: Permits) -> Self {
        Self { requests: Vec::new(), tokens: Vec::new(), concurrency: None, permits }
    }

    pub(super) fn reconfigure(&mut self, now: Instant, settings: &LimiterSettings) {
        reconfigure(&mut self.requests, now, &settings.requests);
        reconfigure(&mut self.tokens, now, &settings.tokens);
        self.concurrency = match (settings.concurrency, self.concurrency.take()) {
            (None, _) => None,
            (Some(Concurrency::Fixed(limit)), _) => Some(AtOnce::Fixed(limit)),
            (Some(Concurrency::Adaptive(settings)), Some(AtOnce::Adaptive(mut adaptive))) => {
                adaptive.reconfigure(now, settings);
                Some(AtOnce::Adaptive(adaptive))
            }
            (Some(Concurrency::Adaptive(settings)), _) => Some(AtOnce::Adaptive(Adaptive::new(settings, now))),
        };
        self.set_limit();
    }

    /// Takes one request and `tokens` from every limit, or from none.
    pub(super) fn take(&mut self, now: Instant, tokens: u64) -> Result<Taken, Blocked> {
        self.check(now, tokens)?;
        let permit = self.permits.try_acquire().ok_or(Blocked::Concurrency)?;
        self.requests.iter_mut().for_each(|limit| limit.take(now, 1));
        self.tokens.iter_mut().for_each(|limit| limit.take(now, tokens));
        Ok(Taken { permit, at: now, tokens })
    }

    /// Whether the limits over time let a request through, and if not which of them takes longest.
    pub(super) fn check(&mut self, now: Instant, tokens: u64) -> Result<(), Blocked> {
        let requests = self.requests.iter_mut().map(|limit| (RefusalKind::Requests, limit.check(now, 1)));
        let tokens = self.tokens.iter_mut().map(|limit| (RefusalKind::Tokens, limit.check(now, tokens)));
        let mut longest = None;
        for (kind, answer) in requests.chain(tokens) {
            match answer {
                Ok(()) => {}
                Err(Wait::For(wait)) if longest.is_some_and(|(_, longest)| longest >= wait) => {}
                Err(Wait::For(wait)) => longest = Some((kind, wait)),
                Err(Wait::Never) if kind == RefusalKind::Tokens => return Err(Blocked::Never(RefusalKind::TooLarge)),
                Err(Wait::Never) => return Err(Blocked::Never(kind)),
            }
        }
        longest.map_or(Ok(()), |(kind, wait)| Err(Blocked::For(kind, wait)))
    }

    /// The tokens are known: what was taken too much goes back, what was taken too little is charged.
    pub(super) fn settle(&mut self, now: Instant, taken_at: Instant, reserved: u64, actual: u64) {
        for limit in &mut self.tokens {
            match actual.checked_sub(reserved) {
                Some(more) => limit.charge(now, more),
                None => limit.give_back(now, taken_at, reserved - actual),
            }
        }
    }

    pub(super) fn token_capacity(&self) -> Option<u64> {
        self.tokens.iter().map(RateLimiter::capacity).min()
    }

    /// What was taken goes back, as if the request had never been.
    pub(super) fn give_back(&mut self, now: Instant, taken_at: Instant, tokens: u64) {
        self.requests.iter_mut().for_each(|limit| limit.give_back(now, taken_at, 1));
        self.tokens.iter_mut().for_each(|limit| limit.give_back(now, taken_at, tokens));
    }

    pub(super) fn lower_requests(&mut self, now: Instant, remaining: u64) {
        self.requests.iter_mut().for_each(|limit| limit.lower(now, remaining));
    }

    pub(super) fn lower_tokens(&mut self, now: Instant, remaining: u64) {
        self.tokens.iter_mut().for_each(|limit| limit.lower(now, remaining));
    }

    pub(super) fn first_token(&mut self, now: Instant, time: Duration) {
        if let Some(AtOnce::Adaptive(adaptive)) = &mut self.concurrency {
            adaptive.first_token(now, self.permits.in_flight(), time);
            self.set_limit();
        }
    }

    pub(super) fn dropped(&mut self, now: Instant) {
        if let Some(AtOnce::Adaptive(adaptive)) = &mut self.concurrency {
            adaptive.dropped(now);
            self.set_limit();
        }
    }

    /// Tells the permits what the limit is now.
    fn set_limit(&self) {
        self.permits.set_limit(match &self.concurrency {
            None => u32::MAX,
            Some(AtOnce::Fixed(limit)) => *limit,
            Some(AtOnce::Adaptive(adaptive)) => adaptive.limit(),
        });
    }

    /// The tightest of each kind.
    pub(super) fn quotas(&mut self, now: Instant) -> Quotas {
        Quotas { requests: Quota::tightest(&mut self.requests, now), tokens: Quota::tightest(&mut self.tokens, now) }
    }

    /// All of the requests', and all of the tokens'.
    pub(super) fn all_quotas(&mut self, now: Instant) -> [Vec<Quota>; 2] {
        [&mut self.requests, &mut self.tokens].map(|limits| limits.iter_mut().map(|limit| Quota::of(limit, now)).collect())
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.permits.in_flight()
    }

    pub(super) fn concurrency(&self) -> Option<u32> {
        self.concurrency.as_ref().map(|_| self.permits.limit())
    }
}

/// Gives each of the new limits the count of an old one: of one that counts alike, else of the next that is left.
fn reconfigure(limits: &mut Vec<RateLimiter>, now: Instant, settings: &[RateSettings]) {
    let mut old = std::mem::take(limits);
    let mut take_alike = |new: &RateSettings| {
        let alike = old.iter().position(|limit| limit.settings().counts_like(new))?;
        Some(old.remove(alike))
    };
    let alike: Vec<_> = settings.iter().map(&mut take_alike).collect();
    let mut left = old.into_iter();
    let kept = alike.into_iter().map(|alike| alike.or_else(|| left.next()));
    limits.extend(settings.iter().zip(kept).map(|(new, kept)| match kept {
        None => RateLimiter::new(*new, now),
        Some(mut limit) => {
            limit.reconfigure(now, *new);
            limit
        }
    }));
}

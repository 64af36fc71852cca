//! The one token that a process has of an identity: which is in use, and when the next is fetched. One fetch is under way at a
//! time, ahead of the token's end, and the old token serves meanwhile. Failures back off.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{AuthError, Grant, Granted};

/// How long before a token's end the next is fetched. Metadata servers hand out the same token until about five minutes before
/// its end, so that asking earlier would bring nothing new.
const AHEAD: Duration = Duration::from_secs(225);
/// A token is no longer used so shortly before its end: requests take a while, and clocks differ.
const MARGIN: Duration = Duration::from_secs(10);
/// What lasts for less is of no use.
const SHORTEST: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is known of a token.
#[derive(Default)]
pub struct Cached {
    held: Option<Held>,
    is_fetching: bool,
    /// The last fetch, if it failed, and when the next may be.
    failed: Option<(AuthError, Instant)>,
    failures: u32,
    /// The vendor has refused the last token before its end.
    was_refused: bool,
}

struct Held {
    grant: Arc<Grant>,
    refresh_at: Option<Instant>,
    good_until: Option<Instant>,
    /// It was fetched because the vendor refused the one before.
    is_second: bool,
}

/// What a request is to do.
pub enum Look {
    Use(Arc<Grant>),
    /// Look again when the fetch that is under way has ended.
    Wait,
    /// The last fetch failed, and it is too early for another.
    Failed(AuthError),
}

impl Cached {
    /// What a request is to do now, and whether a fetch has to be started for it; that must then be told to [`Self::fetched`].
    pub fn look(&mut self, now: Instant) -> (Look, bool) {
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_due = self.held.as_ref().is_none_or(|held| is_past(held.refresh_at));
        let may_ask = self.failed.as_ref().is_none_or(|(_, until)| *until <= now);
        let begin = is_due && may_ask && !self.is_fetching;
        self.is_fetching |= begin;
        let usable = self.held.as_ref().filter(|held| !is_past(held.good_until));
        let look = match (usable, &self.failed) {
            (Some(held), _) => Look::Use(Arc::clone(&held.grant)),
            (None, Some((error, _))) if !self.is_fetching => Look::Failed(error.clone()),
            (None, _) => Look::Wait,
        };
        (look, begin)
    }

    /// The fetch has ended. Says after how long the next is tried, if it failed.
    pub fn fetched(&mut self, now: Instant, result: Result<Granted, AuthError>) -> Option<Duration> {
        self.is_fetching = false;
        let result = result.and_then(|granted| match granted.lasts {
            Some(lasts) if lasts < SHORTEST => Err(AuthError::new("the token that was handed out is past its end")),
            _ => Ok(granted),
        });
        match result {
            Ok(Granted { grant, lasts }) => {
                self.held = Some(Held {
                    grant: Arc::new(grant),
                    refresh_at: lasts.map(|lasts| now + (lasts - AHEAD.min(lasts / 4))),
                    good_until: lasts.map(|lasts| now + (lasts - MARGIN.min(lasts / 10))),
                    is_second: std::mem::take(&mut self.was_refused),
                });
                self.failed = None;
                self.failures = 0;
                None
            }
            Err(error) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(31)).min(LONGEST_PAUSE);
                self.failures = self.failures.saturating_add(1);
                self.failed = Some((error, now + pause));
                Some(pause)
            }
        }
    }

    /// The vendor has refused this token. Says whether another one is worth a try: once, as a second token that is refused says
    /// that it is not the token's fault.
    pub fn refused(&mut self, grant: &Arc<Grant>) -> bool {
        match &self.held {
            Some(held) if Arc::ptr_eq(&held.grant, grant) => {
                let may_renew = !held.is_second && held.good_until.is_some();
                if may_renew {
                    self.held = None;
                    self.was_refused = true;
                }
                may_renew
            }
            // It is being renewed already, or was.
            _ => true,
        }
    }

    /// The token in use, if there is one.
    pub fn grant(&self) -> Option<&Arc<Grant>> {
        self.held.as_ref().map(|held| &held.grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn token(text: &str, lasts: u64) -> Result<Granted, AuthError> {
        Granted::bearer(text, Some(SECOND * u32::try_from(lasts).unwrap()))
    }

    /// What a look gives, as text, and whether a fetch begins.
    fn look(cached: &mut Cached, now: Instant) -> (String, bool) {
        let (look, begin) = cached.look(now);
        let text = match look {
            Look::Use(grant) => grant.exposed().to_owned(),
            Look::Wait => "wait".to_owned(),
            Look::Failed(error) => error.to_string(),
        };
        (text, begin)
    }

    fn said(text: &str, begin: bool) -> (String, bool) {
        (text.to_owned(), begin)
    }

    #[test]
    fn one_fetch_at_a_time_and_ahead_of_the_end() {
        let (mut cached, start) = (Cached::default(), Instant::now());
        assert_eq!(look(&mut cached, start), said("wait", true));
        assert_eq!(look(&mut cached, start), said("wait", false));
        assert_eq!(cached.fetched(start, token("one", 3600)), None);
        assert_eq!(look(&mut cached, start + SECOND * 3374), said("one", false));
        // The old one serves while the next is fetched, but not to its very end.
        assert_eq!(look(&mut cached, start + SECOND * 3375), said("one", true));
        assert_eq!(look(&mut cached, start + SECOND * 3589), said("one", false));
        assert_eq!(look(&mut cached, start + SECOND * 3590), said("wait", false));
        cached.fetched(start + SECOND * 3600, token("two", 3600));
        assert_eq!(look(&mut cached, start + SECOND * 3600), said("two", false));
    }

    #[test]
    fn a_token_without_end_is_fetched_once() {
        let (mut cached, start) = (Cached::default(), Instant::now());
        cached.look(start);
        cached.fetched(start, Granted::bearer("fixed", None));
        assert_eq!(look(&mut cached, start + SECOND * 1_000_000), said("fixed", false));
        let grant = Arc::clone(cached.grant().unwrap());
        assert!(!cached.refused(&grant), "there is no other");
    }

    #[test]
    fn failures_back_off_and_are_told_meanwhile() {
        let (mut cached, mut now) = (Cached::default(), Instant::now());
        for (n, pause) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
            assert_eq!(look(&mut cached, now), said("wait", true), "{n}");
            assert_eq!(cached.fetched(now, Err(AuthError::new("no"))), Some(SECOND * pause));
            assert_eq!(look(&mut cached, now + SECOND * pause - Duration::from_nanos(1)), said("no", false));
            now += SECOND * pause;
        }
        cached.look(now);
        cached.fetched(now, token("one", 3600));
        // While the token is good a failure is nobody's trouble.
        now += SECOND * 3400;
        assert_eq!(look(&mut cached, now), said("one", true));
        assert_eq!(cached.fetched(now, Err(AuthError::new("no"))), Some(SECOND));
        assert_eq!(look(&mut cached, now), said("one", false));
        assert_eq!(look(&mut cached, now + SECOND), said("one", true));
    }

    #[test]
    fn a_token_past_its_end_is_a_failure() {
        let (mut cached, now) = (Cached::default(), Instant::now());
        cached.look(now);
        assert_eq!(cached.fetched(now, token("late", 0)), Some(SECOND));
        assert_eq!(look(&mut cached, now), said("the token that was handed out is past its end", false));
    }

    #[test]
    fn a_refused_token_is_renewed_once() {
        let (mut cached, now) = (Cached::default(), Instant::now());
        cached.look(now);
        cached.fetched(now, token("one", 3600));
        let one = Arc::clone(cached.grant().unwrap());
        assert!(cached.refused(&one));
        assert!(cached.refused(&one), "others who used it try the next one too");
        assert_eq!(look(&mut cached, now), said("wait", true));
        cached.fetched(now, token("two", 3600));
        let two = Arc::clone(cached.grant().unwrap());
        assert!(cached.refused(&one) && !cached.refused(&two));
        assert_eq!(look(&mut cached, now), said("two", false));
        // The next that is fetched in its time is a first one again.
        assert_eq!(look(&mut cached, now + SECOND * 3400), said("two", true));
        cached.fetched(now + SECOND * 3400, token("three", 3600));
        let three = Arc::clone(cached.grant().unwrap());
        assert!(cached.refused(&three));
    }
}

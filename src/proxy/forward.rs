//! The way of a request through its targets: one after the other until one answers. Targets whose breaker is open or that have
//! no room are passed over without an attempt; a failed attempt is repeated or followed by the next target as its class says.
//! All of it ends at one deadline, within one number of attempts and one retry budget for each provider.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::admit::{self, Skip};
use super::attempt::{Attempt, Budget};
use super::call::Call;
use super::exchange::{Accepted, Failed, Terms};
use super::meter::Meter;
use super::respond::{Answer, Content};
use super::worker::Worker;
use super::{degraded, headers, hedge, mirror};
use crate::base::outcome::AttemptClass;
use crate::chat::ApiError;
use crate::config::Cause;
use crate::limit::{Backoff, RetryPermit, UnderWay};
use crate::runtime::{Candidate, Snapshot, Target};

/// Answers a call by one of its targets, in the order of the plan.
pub(super) async fn run(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    call: Arc<Call>,
    plan: &[Candidate],
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let first = plan.first().ok_or_else(|| ApiError::internal("a route without targets"))?;
    let provider = &first.target.provider;
    let total = headers::total_timeout(&call.headers, provider.timeout.total);
    let terms =
        Terms { worker, snapshot, call: &call, give_up_at: meter.started() + total, is_clients_time: total < provider.timeout.total };
    // A body that is not kept cannot be sent twice.
    let most = if call.body.len() > provider.retry.replay_max { 1 } else { provider.retry.attempts };
    mirror::begin(worker, snapshot, &call);
    let answered = Forward { terms, plan, most, meter, asked: Vec::new() }.answer().await;
    let answered = match answered {
        Err(GaveUp { error, is_down: true }) => degraded::serve(terms, meter, error).boxed().await,
        Err(GaveUp { error, .. }) => Err(error),
        Ok(accepted) => Ok(accepted),
    };
    meter.set_clients_time(terms.is_clients_time);
    answered.map(|accepted| take(*accepted, meter)).map_err(|error| *error)
}

/// The accepted attempt goes on with the answer's body.
fn take(accepted: Accepted, meter: &mut Meter) -> Answer {
    meter.set_dropped(accepted.dropped);
    if let Some(usage) = accepted.usage {
        meter.set_usage(usage);
    }
    if let Content::Whole(_) = accepted.answer.content {
        meter.content(Instant::now(), 0);
    }
    if let Some(attempt) = accepted.attempt {
        meter.carry(attempt);
    }
    accepted.answer
}

/// No target answered.
pub(super) struct GaveUp {
    error: Box<ApiError>,
    /// None of them could; it is not that the request itself was refused.
    is_down: bool,
}

struct Forward<'a> {
    terms: Terms<'a>,
    plan: &'a [Candidate],
    /// Attempts in total.
    most: u32,
    meter: &'a mut Meter,
    /// Providers that were asked, and the request as each one's budget counts it: asking one of them again is a retry.
    asked: Vec<(Arc<Target>, Arc<UnderWay>)>,
}

/// What follows a failed attempt.
enum Next {
    /// The same target by another credential.
    Credential(RetryPermit),
    /// The target at this place of the plan.
    Target(usize, Option<RetryPermit>),
    /// The same target after a while.
    Again(Duration, RetryPermit),
    /// `denied`: it was only the retry budget that had nothing left.
    GiveUp { denied: bool },
}

/// Why targets were passed over.
#[derive(Default)]
struct Skips {
    soonest: Option<Skip>,
    any_resting: bool,
}

impl Forward<'_> {
    async fn answer(mut self) -> Result<Box<Accepted>, GaveUp> {
        let mut skips = Skips::default();
        // A target that its vendor wants left alone for a while is better than none.
        for may_rest in [false, true] {
            if may_rest && !skips.any_resting {
                break;
            }
            if let Some(answered) = self.round(may_rest, &mut skips).await {
                return answered;
            }
        }
        let error = skips.soonest.map_or_else(|| ApiError::internal("a route ran out of targets"), Skip::into_error);
        let is_down = error.status != 400;
        Err(GaveUp { error: Box::new(error), is_down })
    }

    /// Goes through the plan once. `None` where no target was asked.
    async fn round(&mut self, may_rest: bool, skips: &mut Skips) -> Option<Result<Box<Accepted>, GaveUp>> {
        let (mut at, mut cause) = (0, None);
        let mut permit: Option<RetryPermit> = None;
        // The credentials tried at the present target, as a bit mask, and the retries there.
        let (mut tried, mut retries) = (0_u64, 0);
        let mut last: Option<Failed> = None;
        while let Some(candidate) = self.plan.get(at) {
            if cause.is_some_and(|cause| !candidate.on.contains(cause)) {
                at += 1;
                continue;
            }
            let target = &candidate.target;
            let granted = permit.take();
            let admitted = match admit::upstream(self.terms.wish(), target, tried, may_rest).await {
                Ok(admitted) => admitted,
                Err(skip) => {
                    cause = Some(skip.cause());
                    skips.note(skip);
                    (at, tried, retries) = (at + 1, 0, 0);
                    continue;
                }
            };
            tried |= 1 << admitted.credential.min(63);
            let now = Instant::now();
            let budget = Budget::new(self.request_at(target, now), granted, None);
            let mut attempt = Attempt::new(self.terms.worker, target, admitted, budget, now);
            self.meter.attempt(&mut attempt);
            let may_hedge = self.meter.attempts() < self.most;
            let failed = match hedge::race(self.terms, attempt, self.plan.get(at + 1), may_hedge, self.meter).await {
                Ok(accepted) => return Some(Ok(accepted)),
                Err(failed) => failed,
            };
            tracing::debug!(
                request_id = &*self.meter.request_id,
                provider = target.provider.name,
                class = failed.class.as_str(),
                error = %failed.error,
                "an attempt failed"
            );
            match self.next(&failed, at, tried, retries) {
                Next::Credential(granted) => permit = Some(granted),
                Next::Target(next, granted) => {
                    cause = Some(cause_of(&failed));
                    (at, tried, retries, permit) = (next, 0, 0, granted);
                }
                Next::Again(wait, granted) => {
                    (tried, retries, permit) = (0, retries + 1, Some(granted));
                    tokio::time::sleep(wait).await;
                }
                Next::GiveUp { denied } => return Some(Err(self.give_up(failed, denied))),
            }
            last = Some(failed);
        }
        // What was left after a failure was passed over.
        last.map(|failed| Err(self.give_up(failed, false)))
    }

    /// The request as the budget of the target's provider counts it.
    fn request_at(&mut self, target: &Arc<Target>, now: Instant) -> Arc<UnderWay> {
        if let Some((_, request)) = self.asked.iter().find(|(asked, _)| asked.provider.name == target.provider.name) {
            return Arc::clone(request);
        }
        let request = Arc::new(target.budget().request(now));
        self.asked.push((Arc::clone(target), Arc::clone(&request)));
        request
    }

    #[cold]
    fn next(&self, failed: &Failed, at: usize, tried: u64, retries: u32) -> Next {
        let Some(target) = self.plan.get(at).map(|candidate| &candidate.target) else { return Next::GiveUp { denied: false } };
        let Failed { class, status, .. } = *failed;
        let now = Instant::now();
        let left = self.terms.give_up_at.saturating_duration_since(now);
        if self.meter.attempts() >= self.most || left.is_zero() || class == AttemptClass::ClientCancel {
            return Next::GiveUp { denied: false };
        }
        let mut denied = false;
        let mut retry = |target: &Target| {
            let permit = target.budget().retry(now);
            denied |= permit.is_none();
            permit
        };
        let is_credentials = matches!((class, status), (AttemptClass::QuotaGone, _) | (_, 401 | 403 | 429));
        if is_credentials
            && admit::has_other_credential(target, tried, now)
            && let Some(permit) = retry(target)
        {
            return Next::Credential(permit);
        }
        let cause = cause_of(failed);
        let may_fall_back = class.fall_back(status) || matches!(cause, Cause::ContextWindow | Cause::ContentPolicy);
        if may_fall_back && let Some((next, following)) = self.following(at, cause, now) {
            // Another provider has its own budget, and this request is a first one there.
            if !self.asked.iter().any(|(asked, _)| asked.provider.name == following.provider.name) {
                return Next::Target(next, None);
            }
            if let Some(permit) = retry(following) {
                return Next::Target(next, Some(permit));
            }
        }
        let settings = &target.provider.retry;
        let may_repeat = class.retry_same() || class == AttemptClass::Ambiguous && retries < settings.ambiguous;
        if may_repeat
            && !failed.hopeless
            && let Some(wait) = backoff(target).wait(retries, fastrand::f64(), failed.error.retry_after, left)
            && let Some(permit) = retry(target)
        {
            return Next::Again(wait, permit);
        }
        Next::GiveUp { denied }
    }

    /// The next target of the plan that helps against `cause` and whose breaker is not open.
    fn following(&self, at: usize, cause: Cause, now: Instant) -> Option<(usize, &Arc<Target>)> {
        let rest = self.plan.iter().enumerate().skip(at + 1);
        let mut fitting = rest.filter(|(_, candidate)| candidate.on.contains(cause) && !admit::is_open(&candidate.target, now));
        fitting.next().map(|(index, candidate)| (index, &candidate.target))
    }

    #[cold]
    fn give_up(&self, failed: Failed, denied: bool) -> GaveUp {
        let Failed { class, status, mut error, .. } = failed;
        let is_down = class.fall_back(status) && class != AttemptClass::Deterministic;
        let attempts = self.meter.attempts();
        // What the sidecar has tried, the client's SDK need not try again.
        if is_down && (attempts > 1 || denied) {
            error.should_retry = Some(false);
        }
        GaveUp { error, is_down }
    }
}

impl Skips {
    #[cold]
    fn note(&mut self, skip: Skip) {
        self.any_resting |= matches!(skip, Skip::Resting { .. });
        if self.soonest.as_ref().is_none_or(|soonest| skip.wait() < soonest.wait()) {
            self.soonest = Some(skip);
        }
    }
}

fn backoff(target: &Target) -> Backoff {
    let retry = &target.provider.retry;
    Backoff { min: retry.backoff_min, max: retry.backoff_max }
}

/// Why the target could not answer, as fallbacks tell causes apart.
fn cause_of(failed: &Failed) -> Cause {
    match failed.error.code.as_deref() {
        Some("context_length_exceeded") => Cause::ContextWindow,
        Some("content_filter" | "content_policy_violation") => Cause::ContentPolicy,
        _ if failed.status == 429 || failed.class == AttemptClass::QuotaGone => Cause::RateLimit,
        _ => Cause::Error,
    }
}

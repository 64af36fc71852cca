//! A second attempt beside a slow first one: the first content wins, the other attempt is dropped. Off unless a route asks for
//! it, as both may be billed, and held to a part of the route's requests.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::admit;
use super::attempt::{Attempt, Budget};
use super::exchange::{Accepted, Failed, Terms, exchange};
use super::meter::Meter;
use crate::config::{Cause, HedgeAfter};
use crate::runtime::{Candidate, Hedge, Target};

/// Asks the attempt's target, and another one beside it when that takes long and another attempt is left (`may_hedge`).
pub(super) async fn race(
    terms: Terms<'_>,
    attempt: Box<Attempt>,
    next: Option<&Candidate>,
    may_hedge: bool,
    meter: &mut Meter,
) -> Result<Box<Accepted>, Failed> {
    let hedge = terms.call.resolved.route().and_then(|route| route.hedge.as_ref()).filter(|_| may_hedge);
    match hedge.and_then(|hedge| Some((hedge, wait(hedge, &attempt.target)?))) {
        None => exchange(terms, attempt).await,
        // In a box: the many requests without a hedge need not be as large as those with one.
        Some((hedge, after)) => hedged(terms, attempt, hedge, after, next, meter).boxed().await,
    }
}

async fn hedged(
    terms: Terms<'_>,
    attempt: Box<Attempt>,
    hedge: &Hedge,
    after: Duration,
    next: Option<&Candidate>,
    meter: &mut Meter,
) -> Result<Box<Accepted>, Failed> {
    let _under_way = hedge.budget.request(Instant::now());
    let target = Arc::clone(&attempt.target);
    let tried = 1 << attempt.credential.min(63);
    let mut first = pin!(exchange(terms, attempt));
    if let Ok(answered) = tokio::time::timeout(after, &mut first).await {
        return answered;
    }
    let Some(second) = begin(terms, hedge, next, &target, tried, meter).await else { return first.await };
    let mut second = pin!(exchange(terms, second));
    let count = |result: &'static str| terms.worker.runtime.metrics.hedge(result);
    tokio::select! {
        answered = &mut first => match answered {
            Ok(accepted) => {
                count("lost");
                Ok(accepted)
            }
            Err(failed) => second.await.inspect(|_| count("won")).map_err(|_| failed),
        },
        answered = &mut second => match answered {
            Ok(accepted) => {
                count("won");
                Ok(accepted)
            }
            Err(_) => first.await.inspect(|_| count("lost")),
        },
    }
}

fn wait(hedge: &Hedge, target: &Target) -> Option<Duration> {
    match hedge.after {
        HedgeAfter::Time(time) => Some(time),
        HedgeAfter::P95 => target.measures().p95(Instant::now()),
    }
}

/// The second attempt: at the next target that stands in for a slow one, else at the same one by another credential if it has one.
async fn begin(
    terms: Terms<'_>,
    hedge: &Hedge,
    next: Option<&Candidate>,
    first: &Arc<Target>,
    tried: u64,
    meter: &mut Meter,
) -> Option<Box<Attempt>> {
    let now = Instant::now();
    let stands_in = next.filter(|candidate| candidate.on.contains(Cause::Error));
    let (target, tried) = match stands_in {
        Some(candidate) => (&candidate.target, 0),
        None => (first, if admit::has_other_credential(first, tried, now) { tried } else { 0 }),
    };
    // Two budgets hold: the route's for hedging, and the provider's for everything beyond first attempts.
    let permits = hedge.budget.retry(now).zip(target.budget().retry(now));
    let Some((hedged, retry)) = permits else {
        terms.worker.runtime.metrics.hedge("denied");
        return None;
    };
    let admitted = admit::upstream(terms.wish(), target, tried, false).await.ok()?;
    let request = Arc::new(target.budget().request(now));
    let mut attempt = Attempt::new(terms.worker, target, admitted, Budget::new(request, Some(retry), Some(hedged)), Instant::now());
    meter.attempt(&mut attempt);
    Some(attempt)
}

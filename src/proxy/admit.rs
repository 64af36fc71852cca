//! Letting requests in: a client's against its own limits, an attempt against its upstream's breaker and limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use http::HeaderMap;

use super::attempt::Admitted;
use super::bill::Billing;
use super::call::Call;
use super::tags;
use super::worker::Worker;
use crate::chat::{ApiError, ErrorKind, Fault, LimitState, LimitUnit};
use crate::config::Cause;
use crate::limit::{Grant, Limiter, Quota, Quotas, Refusal, RefusalKind, Ticket};
use crate::runtime::{ClientEntry, Reserved, Snapshot, Spender, Target, unix_now};

/// What an answer may take where the client does not say, in tokens.
const DEFAULT_ANSWER: u64 = 1024;
/// A client's own limits are waited for at most so long, whatever their queue says.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A probe may take a little longer than its timeouts.
const PROBE_MARGIN: Duration = Duration::from_secs(1);

/// The code of the error that a request gets for which a budget has not enough left.
pub(super) const BUDGET_EXCEEDED: &str = "budget_exceeded";

/// Why a target is passed over without an attempt.
pub(super) enum Skip {
    /// Its breaker is open.
    Open { wait: Duration },
    /// Its vendor has asked to be left alone for a while.
    Resting { wait: Duration },
    /// Its limits have no room.
    NoRoom { wait: Duration, error: Box<ApiError> },
}

impl Skip {
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Open { .. } => Cause::Error,
            Self::Resting { .. } | Self::NoRoom { .. } => Cause::RateLimit,
        }
    }

    pub(super) fn wait(&self) -> Duration {
        match self {
            Self::Open { wait } | Self::Resting { wait } | Self::NoRoom { wait, .. } => *wait,
        }
    }

    #[cold]
    pub(super) fn into_error(self) -> ApiError {
        let told = |kind, code, message, wait| {
            let status = if kind == ErrorKind::RateLimit { 429 } else { 503 };
            let mut error = ApiError::new(status, kind, Fault::Upstream, code, message);
            error.retry_after = Some(wait);
            error
        };
        match self {
            Self::Open { wait } => {
                let message = "every upstream for this model has failed lately and is left alone for a while";
                told(ErrorKind::Overloaded, "upstream_unavailable", message, wait)
            }
            Self::Resting { wait } => {
                told(ErrorKind::RateLimit, "rate_limit_exceeded", "the upstream has asked to be left alone for a while", wait)
            }
            Self::NoRoom { error, .. } => *error,
        }
    }
}

/// What a request asks of limits on tokens.
#[derive(Clone, Copy)]
pub(super) enum Load<'a> {
    Chat(&'a Call),
    /// No chat: an estimate of what is sent, and nothing is generated that would count.
    Prompt(u64),
}

impl Load<'_> {
    fn prompt(self) -> u64 {
        match self {
            Self::Chat(call) => call.prompt_tokens(),
            Self::Prompt(tokens) => tokens,
        }
    }

    /// The longest answer.
    fn answer(self) -> u64 {
        match self {
            Self::Chat(call) => call.view.max_tokens.unwrap_or(DEFAULT_ANSWER),
            Self::Prompt(_) => 0,
        }
    }

    /// What is reserved of a limit until the vendor has counted: the prompt and the longest answer.
    fn reservation(self, limiter: &Limiter) -> u64 {
        let Some(capacity) = limiter.token_capacity() else { return 0 };
        let prompt = self.prompt();
        match self {
            Self::Prompt(_) => prompt,
            Self::Chat(call) => match call.view.max_tokens {
                Some(most) => prompt.saturating_add(most),
                // What is only assumed shall not make a request too large for its limit.
                None => prompt.saturating_add(DEFAULT_ANSWER).min(capacity.max(prompt)),
            },
        }
    }
}

/// An attempt that asks to be let in.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub worker: &'a Arc<Worker>,
    /// The client's name; empty where clients have none.
    pub client: &'a str,
    pub load: Load<'a>,
    pub spend: Spend<'a>,
    pub conversation: Option<u64>,
    /// No room is waited for any longer.
    pub by: Instant,
}

/// What an attempt's money is spent on.
#[derive(Clone, Copy)]
pub(super) struct Spend<'a> {
    pub snapshot: &'a Snapshot,
    /// The model as the client names it.
    pub model: &'a str,
    /// The client's.
    pub headers: &'a HeaderMap,
    pub billing: Billing,
}

/// What a client's limits granted, and an estimate of the prompt's tokens (0 where tokens are not limited).
pub(super) struct Granted {
    pub grant: Grant,
    pub prompt: u64,
}

/// Lets a client's request in: once, whatever the number of attempts.
pub(super) async fn client(worker: &Worker, client: Option<&ClientEntry>, load: Load<'_>) -> Result<Option<Granted>, ApiError> {
    let Some((entry, limiter)) = client.and_then(|entry| Some((entry, entry.limiter.as_ref()?))) else { return Ok(None) };
    match limiter.acquire(&entry.name, load.reservation(limiter), Instant::now() + LONGEST_WAIT).await {
        Ok(grant) => Ok(Some(Granted { grant, prompt: limiter.token_capacity().map_or(0, |_| load.prompt()) })),
        Err(refusal) => Err(refused(worker, "client", &entry.name, limiter, &refusal)),
    }
}

/// Lets an attempt in: by the first credential that can be used, the breaker and the limits of the provider and the model.
/// `tried` credentials are left out; `may_rest` takes those that their vendor wants left alone, too.
pub(super) async fn upstream(wish: Wish<'_>, target: &Arc<Target>, tried: u64, may_rest: bool) -> Result<Admitted, Skip> {
    let prompt = wish.load.prompt();
    let reserved = budgets(wish, target, prompt)?;
    let (credential, ticket) = credential(wish.conversation, target, tried, may_rest)?;
    let mut grants = [None, None];
    for (limiter, held) in target.limiters().into_iter().zip(&mut grants) {
        let Some(limiter) = limiter else { continue };
        match limiter.acquire(wish.client, wish.load.reservation(limiter), wish.by).await {
            Ok(grant) => *held = Some(grant),
            Err(refusal) => {
                let now = Instant::now();
                grants.iter_mut().filter_map(Option::take).for_each(|grant| grant.rollback(now));
                let error = refused(wish.worker, "upstream", &target.provider.name, limiter, &refusal);
                return Err(Skip::NoRoom { wait: refusal.wait.unwrap_or(Duration::MAX), error: Box::new(error) });
            }
        }
    }
    Ok(Admitted { credential, ticket, grants, prompt, billing: wish.spend.billing, reserved })
}

/// Holds back of every budget what the attempt may cost.
fn budgets(wish: Wish<'_>, target: &Target, prompt: u64) -> Result<Reserved, Skip> {
    let Spend { snapshot, model, headers, billing } = wish.spend;
    if snapshot.budgets.is_empty() || billing == Billing::Nothing {
        return Ok(Reserved::default());
    }
    let has_tag = |tag: &str| tags::of(headers).iter().any(|own| own == tag);
    let spender = Spender { client: wish.client, model, has_tag: &has_tag, tokens: (prompt, wish.load.answer()) };
    let at = unix_now();
    let reserved = snapshot.budgets.reserve(spender, target, &wish.worker.runtime.prices.book(), at);
    reserved.map_err(|(entry, exceeded)| {
        wish.worker.runtime.metrics.money.exceeded(&entry.name);
        let resets_at = exceeded.view.resets_at;
        let until = jiff::Timestamp::from_second(i64::try_from(resets_at).unwrap_or(i64::MAX)).map(|at| at.to_string()).unwrap_or_default();
        let message = format!("the budget `{}` has not enough left for this request; it starts anew at {until}", entry.name);
        let mut error = ApiError::new(429, ErrorKind::InsufficientQuota, Fault::Client, BUDGET_EXCEEDED, message);
        let wait = Duration::from_secs(resets_at.saturating_sub(at).max(1));
        error.retry_after = Some(wait);
        error.should_retry = Some(false);
        Skip::NoRoom { wait, error: Box::new(error) }
    })
}

fn credential(conversation: Option<u64>, target: &Arc<Target>, tried: u64, may_rest: bool) -> Result<(usize, Option<Ticket>), Skip> {
    let now = Instant::now();
    let provider = &target.provider;
    let lease = provider.timeout.connect + provider.timeout.first_token + PROBE_MARGIN;
    let circuits = target.circuits();
    let first = target.first_credential(conversation);
    let mut skip: Option<Skip> = None;
    let mut note = |new: Skip| {
        if skip.as_ref().is_none_or(|old| new.wait() < old.wait()) {
            skip = Some(new);
        }
    };
    for index in (0..circuits.len()).map(|step| (first + step) % circuits.len()) {
        let Some(circuit) = circuits.get(index).filter(|_| tried & (1 << index.min(63)) == 0) else { continue };
        let rest = resting(target, index, now);
        if !rest.is_zero() && !may_rest {
            note(Skip::Resting { wait: rest });
            continue;
        }
        if !provider.breaker.enabled {
            return Ok((index, None));
        }
        match circuit.breaker.admit(now, lease) {
            Ok(ticket) => return Ok((index, Some(ticket))),
            Err(open) => note(Skip::Open { wait: open.retry_after }),
        }
    }
    Err(skip.unwrap_or(Skip::Open { wait: Duration::ZERO }))
}

/// How long a credential is still to be left alone with this target.
fn resting(target: &Target, index: usize, now: Instant) -> Duration {
    let parked = target.parked().get(index).map_or(Duration::ZERO, |parked| parked.remaining(now));
    let cooling = target.circuits().get(index).map_or(Duration::ZERO, |circuit| circuit.cooling.remaining(now));
    parked.max(cooling)
}

/// Whether the target has a credential that was not tried and can be used.
pub(super) fn has_other_credential(target: &Target, tried: u64, now: Instant) -> bool {
    let mut others = (0..target.circuits().len()).filter(|index| tried & (1 << index.min(&63)) == 0);
    others.any(|index| resting(target, index, now).is_zero())
}

/// Whether every breaker of the target is open.
pub(super) fn is_open(target: &Target, now: Instant) -> bool {
    target.provider.breaker.enabled && target.circuits().iter().all(|circuit| circuit.breaker.retry_after(now).is_some())
}

/// A refusal as the client is told it.
#[cold]
fn refused(worker: &Worker, scope: &'static str, name: &str, limiter: &Limiter, refusal: &Refusal) -> ApiError {
    worker.runtime.metrics.rate_limit_hit(scope, name, refusal.kind.as_str());
    let whose = if scope == "client" { "this API key" } else { "the upstream" };
    let mut error = match refusal.kind {
        RefusalKind::TooLarge => {
            let message = format!(
                "the request needs more tokens than the limit of {whose} ever allows at once ({}): shorten it or lower `max_tokens`",
                limiter.token_capacity().unwrap_or_default()
            );
            ApiError::new(400, ErrorKind::InvalidRequest, Fault::Client, "exceeds_token_limit", message)
        }
        RefusalKind::QueueFull | RefusalKind::QueueTimeout => {
            let message = format!("too many requests are waiting for room under the limits of {whose}");
            ApiError::new(503, ErrorKind::Overloaded, Fault::Sidecar, "overloaded", message)
        }
        RefusalKind::Requests | RefusalKind::Tokens | RefusalKind::Concurrency => {
            let what = match refusal.kind {
                RefusalKind::Requests => "requests over time",
                RefusalKind::Tokens => "tokens over time",
                _ => "requests at once",
            };
            let message = format!("the limit of {whose} on {what} is reached");
            ApiError::new(429, ErrorKind::RateLimit, Fault::Client, "rate_limit_exceeded", message)
        }
    };
    if error.status != 400 {
        error.retry_after = Some(refusal.wait.unwrap_or(Duration::from_secs(1)));
        error.limits = states(&refusal.quotas);
    }
    error
}

fn states(quotas: &Quotas) -> Vec<LimitState> {
    let of = |unit, quota: Option<Quota>| quota.map(|q| LimitState { unit, limit: q.limit, remaining: q.remaining, reset: q.reset });
    [of(LimitUnit::Requests, quotas.requests), of(LimitUnit::Tokens, quotas.tokens)].into_iter().flatten().collect()
}

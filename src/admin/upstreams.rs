//! The admin API's view of limits and breakers, and the hand on the latter.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::Problem;
use super::call::Call;
use crate::limit::{Limiter, TripReason};
use crate::runtime::{Circuit, Snapshot, Target};

/// How long a breaker stays open that was opened by hand, unless the request says.
const FORCED: Duration = Duration::from_secs(60);
const LONGEST_FORCED: Duration = Duration::from_secs(86_400);

/// What is done to breakers by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    ForceOpen,
    Reset,
}

/// `GET /api/v1/breakers`: every breaker that has seen a request.
pub(super) fn breakers(snapshot: &Snapshot) -> Value {
    let now = Instant::now();
    let list: Vec<Value> = circuits(snapshot)
        .map(|(target, credential, circuit)| {
            let trips: serde_json::Map<String, Value> =
                TripReason::ALL.iter().map(|reason| (reason.as_str().to_owned(), circuit.breaker.trips(*reason).into())).collect();
            json!({
                "provider": target.provider.name,
                "model": &*target.model,
                "credential": credential,
                "enabled": target.provider.breaker.enabled,
                "state": circuit.breaker.state(now).as_str(),
                "retry_after_ms": circuit.breaker.retry_after(now).map(milliseconds),
                "cooling_ms": milliseconds(circuit.cooling.remaining(now)),
                "trips": trips,
            })
        })
        .collect();
    json!({"breakers": list})
}

/// The breakers that are meant.
#[derive(Debug)]
pub(super) struct Choice {
    pub provider: String,
    model: Option<String>,
    credential: Option<usize>,
    open_for: Duration,
}

impl Choice {
    /// For the audit trail.
    pub(super) fn shown(&self) -> Value {
        json!({"model": self.model, "credential": self.credential, "seconds": self.open_for.as_secs()})
    }
}

impl Hand {
    /// For the audit trail.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ForceOpen => "breakers.force_open",
            Self::Reset => "breakers.reset",
        }
    }
}

/// `provider`, `model` and `credential` in the query choose the breakers, all of those left out. The error says which part of the
/// query is wrong.
pub(super) fn choose(snapshot: &Snapshot, hand: Hand, call: &Call) -> Result<Choice, Problem> {
    let wrong = |param: &'static str, detail: &str| Problem::bad("invalid_value", param, detail);
    match hand {
        Hand::ForceOpen => call.only(&["provider", "model", "credential", "seconds"])?,
        Hand::Reset => call.only(&["provider", "model", "credential"])?,
    }
    let credential = call.query("credential").map(str::parse::<usize>).transpose();
    let credential = credential.map_err(|_| wrong("credential", "a number from 1 is needed"))?;
    let seconds = call.query("seconds").map(|text| text.parse::<u64>().ok().filter(|s| (1..=LONGEST_FORCED.as_secs()).contains(s)));
    let open_for = match seconds {
        None => FORCED,
        Some(seconds) => Duration::from_secs(seconds.ok_or_else(|| wrong("seconds", "a number from 1 to 86400 is needed"))?),
    };
    let provider = call.query("provider").ok_or_else(|| wrong("provider", "name the provider, as in `?provider=openai`"))?;
    if snapshot.provider(provider).is_none() {
        return Err(wrong("provider", &format!("there is no provider `{provider}`")));
    }
    Ok(Choice { provider: provider.to_owned(), model: call.query("model").map(str::to_owned), credential, open_for })
}

/// `POST /api/v1/breakers/force-open` and `/reset`.
pub(super) fn act(snapshot: &Snapshot, hand: Hand, choice: &Choice) -> Value {
    let Choice { provider, model, credential, open_for } = choice;
    // A model that was not asked yet can be opened beforehand.
    if let (Some(entry), Some(model)) = (snapshot.provider(provider), model) {
        entry.target(model).take_over();
    }
    let now = Instant::now();
    let mut count = 0;
    for (target, number, circuit) in circuits(snapshot) {
        let is_meant = target.provider.name == *provider
            && model.as_deref().is_none_or(|model| model == &*target.model)
            && credential.is_none_or(|credential| credential == number);
        if !is_meant {
            continue;
        }
        count += 1;
        match hand {
            Hand::ForceOpen => circuit.breaker.force_open(now, *open_for),
            Hand::Reset => {
                circuit.breaker.reset(now);
                circuit.cooling.clear();
                if let Some(parked) = target.parked().get(number - 1) {
                    parked.clear();
                }
            }
        }
    }
    json!({"changed": count})
}

fn circuits(snapshot: &Snapshot) -> impl Iterator<Item = (Arc<Target>, usize, Arc<Circuit>)> {
    snapshot.providers.iter().flat_map(|entry| entry.used_targets()).flat_map(|target| {
        let circuits: Vec<_> = target.circuits().iter().enumerate().map(|(index, circuit)| (index + 1, Arc::clone(circuit))).collect();
        circuits.into_iter().map(move |(credential, circuit)| (Arc::clone(&target), credential, circuit))
    })
}

/// `GET /api/v1/limits`: every limit as it stands.
pub(super) fn limits(snapshot: &Snapshot) -> Value {
    let now = Instant::now();
    let mut clients: Vec<(String, Value)> = snapshot
        .clients()
        .filter_map(|client| Some((client.name.clone(), limiter(client.limiter.as_ref()?, now, json!({"client": client.name})))))
        .collect();
    clients.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut upstreams = Vec::new();
    for entry in &snapshot.providers {
        let name = &entry.provider.name;
        upstreams.extend(entry.limiter().map(|all| limiter(all, now, json!({"provider": name, "model": null}))));
        for target in entry.used_targets() {
            if let [_, Some(own)] = target.limiters() {
                upstreams.push(limiter(own, now, json!({"provider": name, "model": &*target.model})));
            }
        }
    }
    json!({"clients": clients.into_iter().map(|(_, view)| view).collect::<Vec<_>>(), "upstreams": upstreams})
}

fn limiter(limiter: &Limiter, now: Instant, mut whose: Value) -> Value {
    let view = limiter.view(now);
    let rates = |rates: &[crate::limit::Quota]| -> Vec<Value> {
        let rate =
            |rate: &crate::limit::Quota| json!({"limit": rate.limit, "remaining": rate.remaining, "reset_ms": milliseconds(rate.reset)});
        rates.iter().map(rate).collect()
    };
    if let Some(whose) = whose.as_object_mut() {
        whose.insert("requests".to_owned(), rates(&view.requests).into());
        whose.insert("tokens".to_owned(), rates(&view.tokens).into());
        whose.insert("concurrency".to_owned(), view.concurrency.into());
        whose.insert("in_flight".to_owned(), view.in_flight.into());
        whose.insert("queue_depth".to_owned(), view.queued.into());
    }
    whose
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! A provider and a model, with everything that is known of the two at run time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use http::{HeaderValue, Uri};

use super::credential::Credential;
use super::live::{Circuit, Live, Measures, NotBefore};
use super::provider::Provider;
use super::settings;
use crate::chat::DialectId;
use crate::dialect::{CountTokens, Dialect, dialect};
use crate::limit::{Limiter, RetryBudget};
use crate::metrics::{Metrics, TargetMetrics};
use crate::price::{Book, Schedule};
use crate::usage::upstream_members;
use crate::vendor::{Endpoint, Family};

/// Retries in ten seconds that a provider always allows: three a second.
const FEW_RETRIES: u64 = 30;

/// Where a request can be sent: a provider and the model to ask it for.
pub struct Target {
    pub provider: Arc<Provider>,
    pub model: Arc<str>,
    /// The vendor's models of another dialect, where this is one of them.
    family: Option<&'static Family>,
    shared: Arc<ProviderParts>,
    /// The model as metrics may name it.
    label: String,
    /// The model as a header tells it, where one can.
    pub model_header: Option<HeaderValue>,
    /// The chat endpoint that is usually asked, by its path in the dialect.
    uri: OnceLock<(Box<str>, Uri)>,
    /// Found at the first use: most of a large configuration's targets are never used by one process.
    parts: OnceLock<TargetParts>,
    handles: OnceLock<TargetMetrics>,
    /// See [`Target::usage_members`].
    usage_members: OnceLock<Box<str>>,
    /// What it costs by the book of this version.
    price: ArcSwapOption<(Arc<str>, Option<Arc<Schedule>>)>,
}

/// What all targets of a provider share.
pub(super) struct ProviderParts {
    live: Arc<Live>,
    limiter: Option<Arc<Limiter>>,
    budget: Arc<RetryBudget>,
    /// By credential, as in the provider's list.
    parked: Vec<Arc<NotBefore>>,
    turn: AtomicUsize,
}

struct TargetParts {
    limiter: Option<Arc<Limiter>>,
    measures: Arc<Measures>,
    /// By credential, as in the provider's list.
    circuits: Vec<Arc<Circuit>>,
}

impl ProviderParts {
    pub(super) fn new(provider: &Provider, live: &Arc<Live>) -> Self {
        let identity = provider.identity();
        Self {
            limiter: live.limiter(format!("provider\n{identity}"), provider.limits().0),
            budget: live.budget(identity.clone(), provider.retry.budget, FEW_RETRIES),
            parked: provider.credentials.iter().map(|credential| live.parked(format!("{identity}\n{}", credential.id))).collect(),
            turn: AtomicUsize::new(0),
            live: Arc::clone(live),
        }
    }

    pub(super) fn limiter(&self) -> Option<&Arc<Limiter>> {
        self.limiter.as_ref()
    }

    /// Takes over the settings of `provider`, which keep their state.
    pub(super) fn reconfigure(&self, provider: &Provider, now: tokio::time::Instant) {
        self.budget.set_ratio(provider.retry.budget);
        reconfigure(self.limiter.as_ref(), provider.limits().0, now);
    }
}

impl Target {
    pub(super) fn new(provider: &Arc<Provider>, model: &str, label: &str, shared: &Arc<ProviderParts>) -> Self {
        Self {
            provider: Arc::clone(provider),
            model: Arc::from(model),
            model_header: HeaderValue::from_str(model).ok().filter(|model| !model.is_empty()),
            uri: OnceLock::new(),
            family: provider.vendor.family(model),
            shared: Arc::clone(shared),
            label: label.to_owned(),
            parts: OnceLock::new(),
            handles: OnceLock::new(),
            usage_members: OnceLock::new(),
            price: ArcSwapOption::empty(),
        }
    }

    /// Its names as the access log and records hold them.
    pub fn usage_members(&self) -> &str {
        self.usage_members.get_or_init(|| upstream_members(&self.provider.name, &self.model))
    }

    /// The dialect the model speaks.
    pub fn dialect_id(&self) -> DialectId {
        self.family.map_or(self.provider.vendor.dialect, |family| family.dialect)
    }

    pub fn dialect(&self) -> &'static dyn Dialect {
        dialect(self.dialect_id())
    }

    /// The dialect that a request of this client dialect is sent in: the same where it is spoken here, else the model's own.
    pub fn speaks(&self, client: DialectId) -> &'static dyn Dialect {
        let also = self.family.is_none() && self.provider.vendor.also.contains(&client);
        dialect(if also { client } else { self.dialect_id() })
    }

    /// Path and query of the chat endpoint, whose path in the dialect is `usual`.
    pub fn chat_path(&self, usual: &str, stream: bool, query: Option<&str>) -> String {
        match self.family {
            Some(family) => self.provider.path(Endpoint::Chat(&family.chat_path(&self.model, stream)), &self.model, None),
            None => self.provider.path(Endpoint::Chat(usual), &self.model, query),
        }
    }

    /// The same as it was last written for `usual`, which is nearly always the same one. A stream of a family has another path.
    pub fn chat_uri<E>(&self, usual: &str, write: impl FnOnce() -> Result<Uri, E>) -> Result<Uri, E> {
        if self.family.is_some() {
            return write();
        }
        if let Some((_, uri)) = self.uri.get().filter(|(known, _)| **known == *usual) {
            return Ok(uri.clone());
        }
        let uri = write()?;
        let _ = self.uri.set((usual.into(), uri.clone()));
        Ok(uri)
    }

    /// Path and query of the endpoint that counts tokens.
    pub fn count_path(&self, counter: &dyn CountTokens, query: Option<&str>) -> String {
        match self.family {
            Some(family) => self.provider.path(Endpoint::Other(&family.count_path(&self.model)), &self.model, None),
            None => self.provider.path(Endpoint::Other(&counter.count_path(&self.model)), &self.model, query),
        }
    }

    /// Whether anything was ever sent here.
    pub(super) fn is_used(&self) -> bool {
        self.parts.get().is_some()
    }

    /// Finds the target's state before a request does: what the generation before had of it, or a new one.
    pub fn take_over(&self) {
        self.parts();
    }

    /// Takes over the settings of this generation, which keep their state.
    pub(super) fn reconfigure(&self, now: tokio::time::Instant) {
        let Some(parts) = self.parts.get() else { return };
        if let Some(limit) = self.provider.limits().1.get(&*self.model) {
            reconfigure(parts.limiter.as_ref(), limit, now);
        }
        for circuit in &parts.circuits {
            circuit.breaker.reconfigure(settings::breaker(&self.provider.breaker));
        }
    }

    fn parts(&self) -> &TargetParts {
        self.parts.get_or_init(|| {
            let identity = format!("{}\n{}", self.provider.identity(), self.model);
            let live = &self.shared.live;
            let limit = self.provider.limits().1.get(&*self.model);
            let circuit = |(index, credential): (usize, &Credential)| {
                let whose = (self.provider.name.as_str(), self.label.as_str(), index + 1);
                live.circuit(format!("{identity}\n{}", credential.id), &self.provider.breaker, whose)
            };
            TargetParts {
                limiter: limit.and_then(|limit| live.limiter(format!("model\n{identity}"), limit)),
                circuits: self.provider.credentials.iter().enumerate().map(circuit).collect(),
                measures: live.measures(identity),
            }
        })
    }

    pub fn metrics(&self, metrics: &Metrics) -> &TargetMetrics {
        self.handles.get_or_init(|| TargetMetrics::new(metrics, &self.provider.name, &self.label))
    }

    /// What it costs; `None` where that is not known. Looked up once for each version of the book.
    pub fn price(&self, book: &Book) -> Option<Arc<Schedule>> {
        let known = self.price.load();
        if let Some((_, price)) = known.as_deref().filter(|(version, _)| version == book.version()) {
            return price.clone();
        }
        let price = book.find(&self.provider.name, self.provider.vendor.prices.as_deref(), &self.model);
        self.price.store(Some(Arc::new((Arc::clone(book.version()), price.clone()))));
        price
    }

    /// The model as metrics may name it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The limiters a request has to pass: the provider's, and the model's own.
    pub fn limiters(&self) -> [Option<&Arc<Limiter>>; 2] {
        [self.shared.limiter.as_ref(), self.parts().limiter.as_ref()]
    }

    pub fn budget(&self) -> &Arc<RetryBudget> {
        &self.shared.budget
    }

    pub fn measures(&self) -> &Arc<Measures> {
        &self.parts().measures
    }

    /// The breaker and the cooldown of each credential.
    pub fn circuits(&self) -> &[Arc<Circuit>] {
        &self.parts().circuits
    }

    /// Until when each credential is better left alone.
    pub fn parked(&self) -> &[Arc<NotBefore>] {
        &self.shared.parked
    }

    /// The credential to begin with: each in turn, or always the same for one conversation.
    pub fn first_credential(&self, conversation: Option<u64>) -> usize {
        let count = self.provider.credentials.len().max(1);
        match conversation {
            _ if count == 1 => 0,
            Some(conversation) => usize::try_from(conversation % count as u64).unwrap_or(0),
            None => self.shared.turn.fetch_add(1, Ordering::Relaxed) % count,
        }
    }
}

fn reconfigure(limiter: Option<&Arc<Limiter>>, limit: &crate::config::Limit, now: tokio::time::Instant) {
    if let (Some(limiter), Some(settings)) = (limiter, settings::limiter(limit)) {
        limiter.reconfigure(now, &settings);
    }
}

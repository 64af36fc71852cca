//! An alias at run time: which target is asked first, and which follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::reload::unix_now;
use super::target::Target;
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;
use crate::config::{self, Cause, Strategy};
use crate::limit::{RetryBudget, choose};
use crate::price::{Book, Prices};

/// What a model name stands for.
pub struct Route {
    strategy: Strategy,
    prices: Arc<Prices>,
    targets: Vec<Weighted>,
    fallback: Vec<Candidate>,
    pub sticky: bool,
    pub hedge: Option<Hedge>,
    pub mirror: Option<Mirror>,
    pub degraded: Option<Degraded>,
    pub cache: Option<config::RouteCache>,
    turn: AtomicUsize,
}

/// A target and its share.
struct Weighted {
    target: Arc<Target>,
    weight: u32,
}

/// A target that may be asked.
#[derive(Clone)]
pub struct Candidate {
    pub target: Arc<Target>,
    /// Why the one before it could not answer, for this one to be asked.
    pub on: CauseSet,
}

/// A set of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseSet(u8);

/// Copies of requests.
pub struct Mirror {
    pub target: Arc<Target>,
    /// The part of the requests that is copied, 0 to 1.
    pub sample: f64,
}

/// A second attempt beside a slow first one.
pub struct Hedge {
    pub after: config::HedgeAfter,
    /// Holds hedged requests to a part of all.
    pub budget: Arc<RetryBudget>,
}

/// The last resort.
pub enum Degraded {
    Target(Arc<Target>),
    Answer(Arc<str>),
}

impl CauseSet {
    /// What lets a request go on to the next of several targets.
    pub const USUAL: Self = Self::of(&[Cause::Error, Cause::RateLimit]);

    pub const fn of(causes: &[Cause]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < causes.len() {
            #[expect(clippy::indexing_slicing, reason = "`at` is below the length; iterators are not const")]
            {
                set |= 1 << causes[at] as u8;
            }
            at += 1;
        }
        Self(set)
    }

    pub fn contains(self, cause: Cause) -> bool {
        self.0 & (1 << cause as u8) != 0
    }
}

impl Route {
    /// `target` finds the target of a provider and a model, `hedge_budget` makes the budget of hedged requests.
    pub(super) fn new(
        route: &config::Route,
        prices: &Arc<Prices>,
        hedge_budget: impl FnOnce(f64) -> Arc<RetryBudget>,
        target: impl Fn(&str, &str) -> Result<Arc<Target>, String>,
    ) -> Result<Self, String> {
        let mut targets = Vec::with_capacity(route.targets.len());
        for one in &route.targets {
            targets.push(Weighted { target: target(&one.provider, &one.model)?, weight: one.weight });
        }
        let fallback = route.fallback.iter().map(|one| {
            let target = target(&one.provider, &one.model)?;
            Ok(Candidate { target, on: CauseSet::of(&one.on) })
        });
        Ok(Self {
            strategy: route.strategy,
            prices: Arc::clone(prices),
            targets,
            fallback: fallback.collect::<Result<_, String>>()?,
            sticky: route.sticky,
            hedge: route.hedge.map(|hedge| Hedge { after: hedge.after, budget: hedge_budget(hedge.budget) }),
            mirror: match &route.mirror {
                Some(mirror) => Some(Mirror { target: target(&mirror.provider, &mirror.model)?, sample: mirror.sample }),
                None => None,
            },
            degraded: match &route.degraded {
                Some(config::Degraded::Target { provider, model }) => Some(Degraded::Target(target(provider, model)?)),
                Some(config::Degraded::Answer(text)) => Some(Degraded::Answer(Arc::from(text.as_str()))),
                None => None,
            },
            cache: route.cache,
            turn: AtomicUsize::new(0),
        })
    }

    /// All targets in the order they are to be asked, then the fallbacks. A `conversation` is kept on one target.
    pub fn plan(&self, conversation: Option<u64>, now: Instant) -> Vec<Candidate> {
        let mut plan = Vec::with_capacity(self.targets.len() + self.fallback.len());
        let usual = |one: &Weighted| Candidate { target: Arc::clone(&one.target), on: CauseSet::USUAL };
        let keeps_order = matches!(self.strategy, Strategy::Failover | Strategy::Cheapest) || self.targets.len() < 2;
        match conversation.filter(|_| self.sticky && !keeps_order) {
            Some(conversation) => {
                let mut order: Vec<(f64, &Weighted)> = self.targets.iter().map(|one| (self.draw(one, conversation), one)).collect();
                order.sort_by(|(one, _), (other, _)| other.total_cmp(one));
                plan.extend(order.into_iter().map(|(_, one)| usual(one)));
            }
            None => {
                let first = if keeps_order { 0 } else { self.first(now) };
                let (head, tail) = self.targets.split_at(first.min(self.targets.len()));
                plan.extend(tail.iter().chain(head).map(usual));
                if self.strategy == Strategy::Cheapest {
                    let (book, at) = (self.prices.book(), unix_now());
                    // A stable sort: of two with one price the first of the list stays the first.
                    plan.sort_by_cached_key(|candidate| price(&book, &candidate.target, at));
                }
            }
        }
        plan.extend(self.fallback.iter().cloned());
        plan
    }

    /// The targets in the file's order, then the fallbacks.
    pub(super) fn targets(&self) -> Vec<&Arc<Target>> {
        self.targets.iter().map(|one| &one.target).chain(self.fallback.iter().map(|candidate| &candidate.target)).collect()
    }

    /// The target that is asked first.
    fn first(&self, now: Instant) -> usize {
        let count = self.targets.len();
        match self.strategy {
            Strategy::Failover | Strategy::Cheapest => 0,
            Strategy::Weighted => self.weighted(),
            Strategy::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed) % count.max(1),
            Strategy::LeastLatency => {
                // No herd runs to the one that was the fastest a moment ago.
                choose(count, |below| fastrand::usize(..below), |index| self.cost(index, now)).unwrap_or(0)
            }
            Strategy::LeastBusy => {
                // Beginning at another one each time, so that equally busy ones share.
                let start = self.turn.fetch_add(1, Ordering::Relaxed);
                let order = (0..count).map(|step| start.wrapping_add(step) % count);
                order.min_by_key(|index| self.targets.get(*index).map_or(usize::MAX, |one| one.target.measures().in_flight())).unwrap_or(0)
            }
        }
    }

    fn cost(&self, index: usize, now: Instant) -> f64 {
        self.targets.get(index).map_or(f64::INFINITY, |one| one.target.measures().cost(now))
    }

    fn weighted(&self) -> usize {
        let total: u64 = self.targets.iter().map(|one| u64::from(one.weight)).sum();
        let mut left = fastrand::u64(0..total.max(1));
        self.targets
            .iter()
            .position(|one| {
                let here = left < u64::from(one.weight);
                left = left.saturating_sub(u64::from(one.weight));
                here
            })
            .unwrap_or(0)
    }

    /// Rendezvous hashing with weights (Schindelhauer and Schomaker 2005): each conversation draws a number for each target, and
    /// the highest wins. A target that comes or goes moves only its own conversations.
    fn draw(&self, one: &Weighted, conversation: u64) -> f64 {
        let weight = if self.strategy == Strategy::Weighted { f64::from(one.weight) } else { 1.0 };
        let hash = mix(conversation ^ fnv(one.target.provider.name.as_bytes()).rotate_left(17) ^ fnv(one.target.model.as_bytes()));
        // Between 0 and 1, both excluded.
        let unit = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -weight / unit.ln()
    }
}

/// What a million tokens in and a million out cost together; targets without a price, or with one in a currency that no rate
/// leads from, come last.
fn price(book: &Book, target: &Target, at: u64) -> (bool, u64) {
    let each = target.price(book).and_then(|price| {
        let of = |kind| price.rate(kind, ServiceTier::Standard, 0, at).unwrap_or(0);
        book.exchange().convert(of(Kind::Input).saturating_add(of(Kind::Output)), price.currency, book.currency(), at)
    });
    (each.is_none(), each.unwrap_or_default())
}

/// FNV-1a.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finalizer of SplitMix64: every bit of the input moves half of the output's.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

//! Floor 2: what keeps one upstream, or one client, from doing harm to the rest. Pure cores: the time, random numbers and
//! verdicts are arguments; nothing here sleeps, sends or logs.
//!
//! | module | holds |
//! |---|---|
//! | [`adaptive`] | a concurrency limit that finds its own height |
//! | [`backoff`] | how long to wait before a retry |
//! | [`breaker`] | a circuit breaker for one upstream |
//! | [`budget`] | how much money in a period |
//! | [`keyed`] | shared state by identity, kept while somebody holds it |
//! | [`latency`] | first-token times: a cost to choose targets by, a percentile to find slow requests by |
//! | [`limiter`] | all limits of one upstream or client, decided together |
//! | [`permits`] | how many at once |
//! | [`queue`] | who comes next, fair between clients |
//! | [`rate`] | how much over time |
//! | [`retry_budget`] | how many retries a provider's requests may make |
//! | `ring` | counts over a sliding window, shared by the others |

pub mod adaptive;
pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod keyed;
pub mod latency;
pub mod limiter;
pub mod permits;
pub mod queue;
pub mod rate;
pub mod retry_budget;
mod ring;

pub use adaptive::{AdaptiveAlgorithm, AdaptiveSettings};
pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerSettings, Open, Ticket, Transition, TripReason};
pub use budget::{Budget, BudgetSettings, BudgetView, Exceeded, Period, Reservation};
pub use keyed::Keyed;
pub use latency::{Latency, choose};
pub use limiter::{Concurrency, Grant, Limiter, LimiterSettings, QueueSettings, Quota, Quotas, Refusal, RefusalKind};
pub use rate::{Algorithm, RateSettings};
pub use retry_budget::{RetryBudget, RetryPermit, UnderWay};

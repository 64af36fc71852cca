//! Floor 2: what keeps one upstream, or one client, from doing harm to the rest. Pure cores: the time, random numbers and
//! verdicts are arguments; nothing here sleeps, sends or logs.
//!
//! | module | holds |
//! |---|---|
//! | [`backoff`] | how long to wait before a retry |
//! | [`breaker`] | a circuit breaker for one upstream |
//! | [`latency`] | first-token times: a cost to choose targets by, a percentile to find slow requests by |
//! | [`retry_budget`] | how many retries a provider's requests may make |
//! | `ring` | counts over a sliding window, shared by the others |

pub mod backoff;
pub mod breaker;
pub mod latency;
pub mod retry_budget;
mod ring;

//! Floor 2: what keeps one upstream, or one client, from doing harm to the rest. Pure cores: the time, random numbers and
//! verdicts are arguments; nothing here sleeps, sends or logs.
//!
//! | module | holds |
//! |---|---|
//! | [`breaker`] | a circuit breaker for one upstream |
//! | `ring` | counts over a sliding window, shared by the others |

pub mod breaker;
mod ring;

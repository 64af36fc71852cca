//! Floor 2: what may be sent, at once and over time. Knows neither the configuration file nor the network; time is an argument
//! everywhere but where a request really waits.

pub mod adaptive;
pub mod keyed;
pub mod limiter;
pub mod permits;
pub mod queue;
pub mod rate;

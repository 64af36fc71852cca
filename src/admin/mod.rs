//! Floor 8: the admin listener: health, metrics and the configuration's status. Everything but health and metrics needs a token.

mod api;
mod auth;
mod level;
mod metrics;
mod serve;
mod spare;
mod upstreams;

pub use level::{LogLevel, SetLevel};
pub use serve::{Admin, run};

//! Floor 8: the admin listener: health, metrics and the configuration's status. Everything but health and metrics needs a token.

#[allow(dead_code, reason = "the routes with names and bodies use all of it")]
mod answer;
mod api;
mod auth;
#[allow(dead_code, reason = "the routes with names and bodies use all of it")]
mod call;
mod level;
mod metrics;
mod routes;
mod serve;
mod spare;
mod upstreams;

pub use level::{LogLevel, SetLevel};
pub use serve::{Admin, run};

//! Floor 8: the admin listener: health, metrics and the configuration's status. Everything but health and metrics needs a token.

mod answer;
mod api;
mod auth;
mod call;
mod client_keys;
mod diff;
mod level;
mod metrics;
mod observed;
mod openapi;
mod probe;
mod refused;
mod resources;
mod routes;
mod rules;
mod serve;
mod settings;
mod shape;
mod spare;
mod sync;
mod trail;
mod upstreams;
mod view;

pub use auth::Authenticator;
pub use level::{LogLevel, SetLevel};
pub use serve::{Admin, AdminTls, run};

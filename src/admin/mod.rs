//! Floor 8: the admin listener: health, metrics, the API and its dashboard. Everything but health, metrics and the dashboard's files
//! needs a token.

mod answer;
mod api;
mod auth;
mod built_in_prices;
mod call;
mod client_keys;
mod diff;
mod level;
mod metrics;
mod observed;
mod openapi;
mod playground;
mod probe;
mod refused;
mod reply;
mod resources;
mod rotate;
mod routes;
mod rules;
mod serve;
mod settings;
mod shape;
mod sync;
mod trail;
mod ui;
mod upstreams;
mod usage;
mod view;

pub use auth::Authenticator;
pub use level::{LogLevel, SetLevel};
pub use serve::{Admin, AdminTls, run};

//! Floor 0: small types every other floor uses. Nothing here knows of HTTP clients, vendors or configuration.

pub mod address;
pub mod bounded;
pub mod decimals;
pub mod hush;
pub mod id;
pub mod json;
pub mod kind;
pub mod on_wake;
pub mod outcome;
pub mod parts;
pub mod raw;
pub mod secret;
pub mod service_tier;
pub mod sync;
#[cfg(test)]
pub mod woken;
pub mod yaml;

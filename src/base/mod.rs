//! Floor 0: small types every other floor uses. Nothing here knows of HTTP clients, vendors or configuration.

pub mod bounded;
pub mod id;
pub mod json;
pub mod outcome;
pub mod raw;
pub mod secret;
pub mod sync;

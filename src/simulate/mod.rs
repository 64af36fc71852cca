//! Floor 8: a vendor to try the sidecar against, with no key and no network. It answers in every dialect, deterministically,
//! and misbehaves on request: see [`directive_help`].
//!
//! `serve` accepts connections, `router` finds who answers a path, `chat` runs the dialects' server half over a `script`,
//! and `body` sends the answer at the asked pace and with the asked fault.

mod answer;
mod audio;
mod body;
mod chat;
mod directives;
mod embeddings;
mod fault;
mod fields;
mod files;
mod manners;
mod models;
mod moderations;
mod multipart;
mod rerank;
mod router;
mod sample;
mod script;
mod serve;
mod socket;
mod text;
mod tools;

use std::net::SocketAddr;

pub use directives::help as directive_help;
pub use serve::{run, serve};

/// How the simulator is started.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4010")]
    pub listen: SocketAddr,
    /// Refuse requests that do not carry this key (as bearer token, `x-api-key` or `api-key`)
    #[arg(long, value_name = "KEY")]
    pub require_key: Option<String>,
    /// Models to list; every model name is answered all the same
    #[arg(long = "model", value_name = "NAME")]
    pub models: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 4010)), require_key: None, models: Vec::new() }
    }
}

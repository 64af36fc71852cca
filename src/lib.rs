//! llm-sidecar: a reverse proxy beside an application that lets an unchanged OpenAI or Anthropic SDK talk to any LLM vendor.
//!
//! # The house
//!
//! A module imports only lower floors and its own folder; `tests/floors.rs` enforces it.
//!
//! | floor | module | holds |
//! |---|---|---|
//! | 11 | [`cli`] | the command line |
//! | 10 | [`app`] | the only one that knows everyone: configuration to parts to tasks to drain |
//! | 9 | [`webhook`] | the admission webhook of Kubernetes |
//! | 8 | [`server`], [`admin`], [`alerts`], [`otlp`], [`simulate`] | the data listener; health, metrics, configuration status; alerts to a webhook; the export of traces; the vendor simulator |
//! | 7 | [`control`], [`proxy`] | changing the running configuration through the store; the life of a request |
//! | 6 | [`kms`], [`runtime`] | keys that key services hold; the running configuration: snapshot, reload, file watcher |
//! | 5 | [`listen`], [`store`], [`upstream`] | listening sockets; what is made through the admin API; connections to vendors |
//! | 4 | [`vendor`], [`vault`] | the catalogue: a vendor is a dialect, a URL layout, a way to authenticate and quirks; thinking remembered for clients that drop it |
//! | 3 | [`dialect`], [`usage`] | the wire formats, each in both directions; records of what requests used and cost |
//! | 2 | [`cache`], [`chat`], [`config`], [`inject`], [`limit`], [`price`] | answers kept to be given again; the hub every dialect reads into and writes from; the configuration file; the sidecar in Kubernetes pods; what may be sent, at once and over time, and what it may cost; what models cost |
//! | 1 | [`codec`], [`metrics`], [`seal`], [`trace`] | framing without I/O; metric families; secrets at rest; spans |
//! | 0 | [`base`] | ids, secrets, outcomes, raw JSON, the locks threads share, wakes |
//!
//! # The life of a request
//!
//! 1. [`server`] accepts a connection on one worker thread and reads a request's head.
//! 2. [`proxy::handle`] takes the snapshot of the moment; the request lives and dies with it.
//! 3. `proxy::route` and `proxy::ingress` find what is asked, who asks, and read the body; the dialect's view finds `model`
//!    and `stream` without building a tree. 400 to 415 are decided here.
//! 4. `proxy::admit` lets it in by the client's limits. A route with a cache may answer then (`proxy::cached`); else
//!    `proxy::forward` goes through the targets. Each attempt passes the target's breaker and limits (`proxy::admit`);
//!    `proxy::exchange` edits the request (same dialect) or translates it (another), has [`upstream`] send it, and judges the
//!    answer by head *and* first content. Until then nothing has gone to the client, and another attempt is free. hyper reads an
//!    answer's head, and its body too unless that is a stream, which [`upstream`] reads from the socket.
//!    Embeddings and rerank go the same way, but ask and answer in one piece (`proxy::beside`).
//! 5. `proxy::respond` writes the head; the body is a `proxy::Body`: bytes at hand, an event stream that is relayed or
//!    translated as it is polled, or bytes passed on.
//! 6. The `Meter` on the body fires once, when the body ends, breaks or is dropped: the `Attempt` it carries tells the breaker
//!    and settles the limits, then metrics and one access-log line.
#![forbid(unsafe_code)]

pub mod admin;
pub mod alerts;
pub mod app;
pub mod base;
pub mod cache;
pub mod chat;
pub mod cli;
pub mod codec;
pub mod config;
pub mod control;
pub mod dialect;
pub mod inject;
pub mod kms;
pub mod limit;
pub mod listen;
pub mod metrics;
pub mod otlp;
pub mod price;
pub mod proxy;
pub mod runtime;
pub mod seal;
pub mod server;
pub mod simulate;
pub mod store;
pub mod trace;
pub mod upstream;
pub mod usage;
pub mod vault;
pub mod vendor;
pub mod webhook;

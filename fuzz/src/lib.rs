//! What the fuzz targets do, one file a kind. Anything may come in; nothing may panic, and what can be checked without knowing what
//! came in is checked: pieces do not matter, and what was written can be read. `tests/fuzz.rs` includes this file.

mod answer;
mod config;
mod framing;
mod input;
mod request;
pub mod side;
mod stream;

pub use answer::{answer, error};
pub use config::config;
pub use framing::framing;
pub use request::request;
pub use side::{embeddings, rerank};
pub use stream::{relay, stream};

/// A target's name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("stream", stream),
    ("relay", relay),
    ("request", request),
    ("answer", answer),
    ("error", error),
    ("embeddings", embeddings),
    ("rerank", rerank),
    ("framing", framing),
    ("config", config),
];

//! Floor 1: bytes to frames and back, without I/O. One file a framing, and [`Framing`] for code that works with any of them.

pub mod aws;
mod framing;
mod lines;
pub mod sse;

pub use framing::{Frame, Framing, Malformed, Splitter};

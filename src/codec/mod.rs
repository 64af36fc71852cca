//! Floor 1: bytes to frames and back, without I/O. One file a framing.

pub mod sse;

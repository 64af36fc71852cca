//! llm-sidecar.
#![forbid(unsafe_code)]

pub mod base;
pub mod chat;
pub mod codec;
pub mod config;
pub mod dialect;
pub mod runtime;

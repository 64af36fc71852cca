//! Limits and times of the listeners, and logging.

use std::time::Duration;

use super::Check;
use crate::config::duration::Time;
use crate::config::level::wrong_level;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::size::Size;
use crate::config::types::{Log, LogFormat, Server, Signatures};

const MOST_WORKERS: u32 = 1024;
/// The process itself needs some.
const LEAST_MEMORY: usize = 16 << 20;
/// Below this no useful request or answer would fit; above it a few of them would fill the memory.
const SIZES: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 30;

impl Check<'_> {
    pub(super) fn server(&mut self, raw: &model::Server) -> Server {
        let root = KeyPath::Root;
        let path = root.key("server");
        let default = Server::default();
        if raw.workers.is_some_and(|workers| !(1..=MOST_WORKERS).contains(&workers)) {
            self.report.error(&path.key("workers"), format!("must be 1 to {MOST_WORKERS}"), "leave it out for one per core".to_owned());
        }
        Server {
            max_body: self.size(&path.key("max_body"), raw.max_body, default.max_body),
            max_response: self.size(&path.key("max_response"), raw.max_response, default.max_response),
            max_event: self.size(&path.key("max_event"), raw.max_event, default.max_event),
            max_connections: self.count(&path.key("max_connections"), raw.max_connections),
            max_requests: self.count(&path.key("max_requests"), raw.max_requests),
            max_memory: self.memory(&path.key("max_memory"), raw.max_memory),
            header_timeout: self.positive(&path.key("header_timeout"), raw.header_timeout, default.header_timeout),
            body_timeout: self.positive(&path.key("body_timeout"), raw.body_timeout, default.body_timeout),
            write_timeout: self.positive(&path.key("write_timeout"), raw.write_timeout, default.write_timeout),
            keep_alive: self.positive(&path.key("keep_alive"), raw.keep_alive, default.keep_alive),
            heartbeat: self.positive(&path.key("heartbeat"), raw.heartbeat, default.heartbeat),
            drain_delay: raw.drain_delay.map_or(default.drain_delay, |time| time.0),
            drain_timeout: raw.drain_timeout.map_or(default.drain_timeout, |time| time.0),
            workers: raw.workers.and_then(|workers| usize::try_from(workers).ok()),
            allow_open: raw.allow_open,
        }
    }

    pub(super) fn log(&mut self, raw: &model::Log) -> Log {
        let root = KeyPath::Root;
        let path = root.key("log");
        let default = Log::default();
        if let Some((word, hint)) = raw.level.as_deref().and_then(wrong_level) {
            self.report.error(&path.key("level"), format!("`{word}` is not a level"), hint);
        }
        Log {
            level: raw.level.clone().unwrap_or(default.level),
            format: match raw.format {
                model::LogFormat::Json => LogFormat::Json,
                model::LogFormat::Text => LogFormat::Text,
            },
            access: raw.access.unwrap_or(default.access),
        }
    }

    pub(super) fn signatures(&mut self, raw: &model::Signatures) -> Signatures {
        let root = KeyPath::Root;
        let (translation, default) = (root.key("translation"), Signatures::default());
        Signatures {
            max_entries: raw.max_entries.and_then(|count| usize::try_from(count).ok()).unwrap_or(default.max_entries),
            max_bytes: raw.max_bytes.map_or(default.max_bytes, |size| size.0),
            ttl: self.positive(&translation.key("signatures").key("ttl"), raw.ttl, default.ttl),
        }
    }

    /// A time that must not be zero.
    pub(super) fn positive(&mut self, path: &KeyPath<'_>, time: Option<Time>, default: Duration) -> Duration {
        if time.is_some_and(|time| time.0.is_zero()) {
            self.report.error(path, "must be more than 0", None);
        }
        time.map_or(default, |time| time.0)
    }

    /// A number that must not be zero.
    fn count(&mut self, path: &KeyPath<'_>, count: Option<u32>) -> Option<usize> {
        if count == Some(0) {
            self.report.error(path, "must be more than 0", "leave it out for the default".to_owned());
        }
        count.and_then(|count| usize::try_from(count).ok())
    }

    fn memory(&mut self, path: &KeyPath<'_>, size: Option<Size>) -> Option<usize> {
        if size.is_some_and(|size| size.0 < LEAST_MEMORY) {
            self.report.error(path, "must be at least 16MiB", "leave it out for the limit of the control group".to_owned());
        }
        size.map(|size| size.0)
    }

    fn size(&mut self, path: &KeyPath<'_>, size: Option<Size>, default: usize) -> usize {
        if size.is_some_and(|size| !SIZES.contains(&size.0)) {
            self.report.error(path, "must be 1KiB to 1GiB", None);
        }
        size.map_or(default, |size| size.0)
    }
}

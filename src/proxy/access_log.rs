//! The access log: one JSON line a request on standard output, never a prompt, an answer or a key. Lines are gathered and
//! written together, at the latest when the worker's tick comes.

use std::io::Write;

use parking_lot::Mutex;
use serde::Serialize;

const FLUSH_AT: usize = 32 << 10;

/// A request as the access log tells it.
#[derive(Serialize)]
pub struct Line<'a> {
    /// When the answer ended, RFC 3339.
    pub time: String,
    pub level: &'static str,
    pub message: &'static str,
    pub request_id: &'a str,
    pub client: Option<&'a str>,
    pub method: &'a str,
    pub endpoint: &'static str,
    /// The model as the client named it.
    pub model: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub upstream_model: Option<&'a str>,
    pub status: u16,
    pub outcome: &'static str,
    pub error: Option<&'a str>,
    pub stream: bool,
    pub attempts: u32,
    /// The answer is that of the route's last resort.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
    pub dropped: &'a [String],
    /// What the route's cache did; none where it has none.
    pub cache: Option<&'static str>,
    pub duration_ms: f64,
    pub first_token_ms: Option<f64>,
    pub bytes: u64,
    /// Where the request is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    /// What the request cost, in billionths of the currency that is reported in; none where that is not known.
    pub cost_nano: Option<u64>,
    pub cost_currency: Option<&'a str>,
}

/// Gathers lines for standard output.
#[derive(Default)]
pub struct AccessLog {
    buffer: Mutex<Vec<u8>>,
}

impl AccessLog {
    pub(super) fn write(&self, line: &Line<'_>) {
        let mut buffer = self.buffer.lock();
        // Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(&mut *buffer, line);
        buffer.push(b'\n');
        if buffer.len() >= FLUSH_AT {
            write_out(&mut buffer);
        }
    }

    /// Writes out what has been gathered.
    pub fn flush(&self) {
        write_out(&mut self.buffer.lock());
    }
}

fn write_out(buffer: &mut Vec<u8>) {
    if !buffer.is_empty() {
        // A closed standard output must not stop the service.
        let _ = std::io::stdout().lock().write_all(buffer);
        buffer.clear();
    }
}

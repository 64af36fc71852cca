//! The access log: one JSON line a request on standard output, never a prompt, an answer or a key. Lines are gathered and
//! written together, at the latest when the worker's tick comes.

use std::io::Write;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::json::write::{flag, maybe_number, maybe_text, member, milliseconds, number, text};

const FLUSH_AT: usize = 32 << 10;

/// A request as the access log tells it.
pub struct Line<'a> {
    /// When the answer ended, RFC 3339.
    pub time: &'a str,
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
    pub degraded: bool,
    pub dropped: &'a [String],
    /// What the route's cache did; none where it has none.
    pub cache: Option<&'static str>,
    pub duration: Duration,
    pub first_token: Option<Duration>,
    pub bytes: u64,
    /// Where the request is traced.
    pub trace_id: Option<&'a str>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    /// What the request cost, in billionths of the currency that is reported in; none where that is not known.
    pub cost_nano: Option<u64>,
    pub cost_currency: Option<&'a str>,
}

impl Line<'_> {
    /// As a JSON object.
    fn write(&self, out: &mut Vec<u8>) {
        text(out, r#"{"time":"#, self.time);
        text(out, r#","level":"INFO","message":"request","request_id":"#, self.request_id);
        maybe_text(out, r#","client":"#, self.client);
        text(out, r#","method":"#, self.method);
        text(out, r#","endpoint":"#, self.endpoint);
        maybe_text(out, r#","model":"#, self.model);
        maybe_text(out, r#","provider":"#, self.provider);
        maybe_text(out, r#","upstream_model":"#, self.upstream_model);
        number(out, r#","status":"#, self.status.into());
        text(out, r#","outcome":"#, self.outcome);
        maybe_text(out, r#","error":"#, self.error);
        flag(out, r#","stream":"#, self.stream);
        number(out, r#","attempts":"#, self.attempts.into());
        if self.degraded {
            out.extend_from_slice(br#","degraded":true"#);
        }
        member(out, r#","dropped":"#, &self.dropped);
        maybe_text(out, r#","cache":"#, self.cache);
        milliseconds(out, r#","duration_ms":"#, Some(self.duration));
        milliseconds(out, r#","first_token_ms":"#, self.first_token);
        number(out, r#","bytes":"#, self.bytes);
        if let Some(trace_id) = self.trace_id {
            text(out, r#","trace_id":"#, trace_id);
        }
        maybe_number(out, r#","prompt_tokens":"#, self.prompt_tokens);
        maybe_number(out, r#","completion_tokens":"#, self.completion_tokens);
        maybe_number(out, r#","cached_tokens":"#, self.cached_tokens);
        maybe_number(out, r#","reasoning_tokens":"#, self.reasoning_tokens);
        maybe_number(out, r#","cost_nano":"#, self.cost_nano);
        maybe_text(out, r#","cost_currency":"#, self.cost_currency);
        out.extend_from_slice(b"}\n");
    }
}

/// Gathers lines for standard output.
#[derive(Default)]
pub struct AccessLog {
    buffer: Mutex<Vec<u8>>,
}

impl AccessLog {
    pub(super) fn write(&self, line: &Line<'_>) {
        let mut buffer = self.buffer.lock();
        line.write(&mut buffer);
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

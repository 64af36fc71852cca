//! The access log: one JSON line a request on standard output, never a prompt, an answer or a key. Lines are gathered and
//! written together, at the latest when the worker's tick comes.

use std::io::Write;

use parking_lot::Mutex;

use crate::base::json::write::{maybe_number, number, texts, word};
use crate::chat::Usage;
use crate::usage::{Money, Summary};

const FLUSH_AT: usize = 32 << 10;

/// A request as the access log tells it.
pub struct Line<'a> {
    pub summary: &'a Summary<'a>,
    pub method: &'a str,
    /// The answer is that of the route's last resort.
    pub degraded: bool,
    pub dropped: &'a [String],
    pub bytes: u64,
    /// Where the request is traced.
    pub trace_id: Option<&'a str>,
    /// What the vendor counted.
    pub usage: Option<&'a Usage>,
    /// What the request cost, in the currency that is reported in; none where that is not known.
    pub cost: Option<Money>,
}

impl Line<'_> {
    /// As a JSON object.
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(self.summary.members());
        word(out, r#","level":"INFO","message":"request","method":"#, self.method);
        if self.degraded {
            out.extend_from_slice(br#","degraded":true"#);
        }
        texts(out, r#","dropped":"#, self.dropped);
        number(out, r#","bytes":"#, self.bytes);
        if let Some(trace_id) = self.trace_id {
            word(out, r#","trace_id":"#, trace_id);
        }
        match self.usage {
            Some(usage) => {
                number(out, r#","prompt_tokens":"#, usage.prompt);
                number(out, r#","completion_tokens":"#, usage.completion);
                maybe_number(out, r#","cached_tokens":"#, usage.cached);
                maybe_number(out, r#","reasoning_tokens":"#, usage.reasoning);
            }
            None => {
                out.extend_from_slice(br#","prompt_tokens":null,"completion_tokens":null,"cached_tokens":null,"reasoning_tokens":null"#)
            }
        }
        match self.cost {
            Some(Money { nano, currency }) => {
                number(out, r#","cost_nano":"#, nano);
                word(out, r#","cost_currency":"#, currency.as_bytes());
            }
            None => out.extend_from_slice(br#","cost_nano":null,"cost_currency":null"#),
        }
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

//! The access log: one JSON line a request on standard output, never a prompt, an answer or a key. Lines are gathered and
//! written together, at the latest when the worker's tick comes.

use std::io::Write;

use parking_lot::Mutex;

use crate::base::json::write::{Value, members};
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
        if self.degraded {
            out.extend_from_slice(br#","degraded":true"#);
        }
        if let Some(trace_id) = self.trace_id {
            members(out, &[r#","trace_id":"#], &[Value::word(trace_id)]);
        }
        let names = [
            r#","level":"INFO","message":"request","method":"#,
            r#","dropped":"#,
            r#","bytes":"#,
            r#","prompt_tokens":"#,
            r#","completion_tokens":"#,
            r#","cached_tokens":"#,
            r#","reasoning_tokens":"#,
            r#","cost_nano":"#,
            r#","cost_currency":"#,
        ];
        let counted = |count: fn(&Usage) -> Option<u64>| Value::maybe_number(self.usage.and_then(count));
        let values = [
            Value::word(self.method),
            Value::Texts(self.dropped),
            Value::Number(self.bytes),
            counted(|usage| Some(usage.prompt)),
            counted(|usage| Some(usage.completion)),
            counted(|usage| usage.cached),
            counted(|usage| usage.reasoning),
            Value::maybe_number(self.cost.map(|cost| cost.nano)),
            self.cost.as_ref().map_or(Value::Null, |cost| Value::Word(cost.currency.as_bytes())),
        ];
        members(out, &names, &values);
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

//! What of a request goes to a collector: its span.

use bytes::Bytes;
use http::HeaderMap;

use super::super::capture::Capture;
use super::super::trace::{self, AttemptTrace, Attributes, Trace};
use super::Meter;
use super::ended::Ended;
use crate::base::outcome::Outcome;
use crate::runtime::Snapshot;
use crate::trace::Record;
use crate::usage::Tokens;

impl Meter {
    /// Traces the request, if it is to be.
    pub(in crate::proxy) fn trace(&mut self, snapshot: &Snapshot, headers: &HeaderMap) {
        if let Some(traces) = &snapshot.config.telemetry.traces {
            self.trace = Trace::begin(traces, headers, self.started);
            self.capture = (traces.content && self.trace.is_some()).then(Box::default);
        }
    }

    pub(super) fn trace_attempt(&self) -> Option<Box<AttemptTrace>> {
        self.trace.as_ref().map(|trace| trace.attempt(self.attempts, self.endpoint))
    }

    pub(in crate::proxy) fn capture_request(&mut self, body: &Bytes) {
        if let Some(capture) = &mut self.capture {
            capture.request(body);
        }
    }

    /// Hands the request's span to the exporter.
    #[cold]
    pub(super) fn export(&self, trace: Trace, capture: Option<Box<Capture>>, ended: &Ended<'_>) {
        let mut attributes = self.attributes(ended);
        if let Some(capture) = capture {
            capture.add_to(&mut attributes);
        }
        let is_error = !matches!(ended.outcome, Outcome::Complete | Outcome::Cancelled);
        let name = format!("{} {}", self.method, self.endpoint);
        let first = self.first_content.filter(|_| self.stream);
        self.worker.runtime.records.push(Record::Span(trace.end(name, first, ended.outcome.as_str(), is_error, attributes)));
    }

    fn attributes(&self, ended: &Ended<'_>) -> Attributes {
        let mut attributes = ended.summary.attributes();
        attributes.extend([
            ("http.request.method", self.method.to_string().into()),
            ("gen_ai.operation.name", trace::operation(self.endpoint).into()),
        ]);
        if let Some(usage) = &self.usage {
            Tokens::from(*usage).add_to(&mut attributes);
        }
        attributes
    }
}

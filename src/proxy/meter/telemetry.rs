//! What of a request goes to a collector: its span.

use bytes::Bytes;
use http::HeaderMap;

use super::super::trace::{self, AttemptTrace, Attributes, Trace};
use super::Meter;
use super::ended::Ended;
use crate::base::outcome::Outcome;
use crate::runtime::Snapshot;
use crate::trace::{Record, Value};
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
    pub(super) fn export(&mut self, ended: &Ended) {
        let Some(trace) = self.trace.take() else { return };
        let mut attributes = self.attributes(ended);
        if let Some(capture) = self.capture.take() {
            capture.add_to(&mut attributes);
        }
        let is_error = !matches!(ended.outcome, Outcome::Complete | Outcome::Cancelled);
        let name = format!("{} {}", self.method, self.endpoint);
        let first = self.first_content.filter(|_| self.stream);
        self.worker.runtime.records.push(Record::Span(trace.end(name, first, ended.outcome.as_str(), is_error, attributes)));
    }

    fn attributes(&self, ended: &Ended) -> Attributes {
        let mut attributes: Attributes = Vec::with_capacity(24);
        attributes.extend([
            ("http.request.method", self.method.to_string().into()),
            ("http.response.status_code", u64::from(ended.status).into()),
            ("gen_ai.operation.name", trace::operation(self.endpoint).into()),
            ("llm.endpoint", self.endpoint.into()),
            ("llm.request_id", self.request_id.to_string().into()),
            ("llm.outcome", ended.outcome.as_str().into()),
            ("llm.attempts", u64::from(self.attempts).into()),
            ("llm.stream", self.stream.into()),
        ]);
        if let Some(client) = &self.client {
            attributes.push(("llm.client", client.name.clone().into()));
        }
        if let Some(model) = &self.model {
            attributes.push(("gen_ai.request.model", Value::short(model)));
        }
        if let Some(target) = &self.target {
            attributes.push(("llm.provider", target.provider.name.clone().into()));
            attributes.push(("gen_ai.response.model", Value::short(&target.model)));
        }
        if let Some(error) = &self.error {
            attributes.push(("error.type", Value::short(error)));
        }
        if let Some(cache) = self.cache {
            attributes.push(("llm.cache", cache.as_str().into()));
        }
        if let Some(after) = ended.first_token.filter(|_| self.stream) {
            attributes.push(("llm.time_to_first_token", Value::seconds(after)));
        }
        if let Some(usage) = &self.usage {
            Tokens::from(*usage).add_to(&mut attributes);
        }
        attributes
    }
}

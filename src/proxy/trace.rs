//! The spans of one request: its own, and one for each attempt. A request that is not traced has none of this.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::attempt::End;
use crate::base::outcome::AttemptClass;
use crate::config::Traces;
use crate::runtime::Target;
use crate::trace::{Clock, Context, Event, Kind, Span, Value, hex, is_sampled};
use crate::usage::Tokens;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The specification lets a longer one be dropped.
const MAX_STATE: usize = 512;
const FIRST_TOKEN: &str = "llm.first_token";
const END: &str = "llm.end";

/// A span's attributes.
pub(super) type Attributes = Vec<(&'static str, Value)>;

/// A traced request.
pub(super) struct Trace {
    trace: u128,
    span: u64,
    parent: Option<u64>,
    state: Option<Arc<str>>,
    clock: Clock,
    started: Instant,
}

/// A traced attempt.
pub(super) struct AttemptTrace {
    trace: u128,
    span: u64,
    parent: u64,
    state: Option<Arc<str>>,
    clock: Clock,
    begun: Instant,
    first: Option<Instant>,
    number: u32,
    operation: &'static str,
}

impl Trace {
    /// `None` where the request is not to be traced.
    pub(super) fn begin(traces: &Traces, headers: &HeaderMap, started: Instant) -> Option<Box<Self>> {
        let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(Context::parse);
        let trace = parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace);
        if !is_sampled(parent.as_ref(), traces.follow_parent, trace, traces.ratio) {
            return None;
        }
        let state = headers.get(TRACESTATE).and_then(|value| value.to_str().ok()).filter(|state| state.len() <= MAX_STATE);
        Some(Box::new(Self {
            trace,
            span: fastrand::u64(1..),
            parent: parent.map(|parent| parent.span),
            state: state.filter(|_| parent.is_some()).map(Arc::from),
            clock: Clock::since(started),
            started,
        }))
    }

    pub(super) fn id(&self) -> String {
        hex(self.trace)
    }

    pub(super) fn context(&self) -> (u128, u64) {
        (self.trace, self.span)
    }

    /// The request's attempt of this number begins.
    pub(super) fn attempt(&self, number: u32, endpoint: &'static str) -> Box<AttemptTrace> {
        Box::new(AttemptTrace {
            trace: self.trace,
            span: fastrand::u64(1..),
            parent: self.span,
            state: self.state.clone(),
            clock: self.clock,
            begun: Instant::now(),
            first: None,
            number,
            operation: operation(endpoint),
        })
    }

    /// The request is over.
    pub(super) fn end(self, name: String, first: Option<Instant>, outcome: &'static str, is_error: bool, attributes: Attributes) -> Span {
        let now = Instant::now();
        Span {
            trace: self.trace,
            span: self.span,
            parent: self.parent,
            state: self.state,
            kind: Kind::Server,
            name,
            start: self.clock.at(self.started),
            end: self.clock.at(now),
            attributes,
            events: events(self.clock, first, now, ("llm.outcome", outcome)),
            is_error,
        }
    }
}

impl AttemptTrace {
    /// Tells the upstream where it belongs.
    pub(super) fn propagate(&self, headers: &mut HeaderMap) {
        let context = Context { trace: self.trace, span: self.span, sampled: true };
        if let Ok(value) = HeaderValue::try_from(context.write()) {
            headers.insert(TRACEPARENT, value);
        }
        if self.state.is_none() {
            headers.remove(TRACESTATE);
        }
    }

    pub(super) fn first_token(&mut self, at: Instant) {
        self.first.get_or_insert(at);
    }

    /// What became of it.
    #[cold]
    pub(super) fn end(self, target: &Target, end: &End) -> Span {
        let now = Instant::now();
        let provider = &*target.provider;
        let origin = &provider.origin.key;
        let mut attributes: Attributes = Vec::with_capacity(16);
        attributes.extend([
            ("gen_ai.operation.name", self.operation.into()),
            ("gen_ai.provider.name", vendor_name(&provider.vendor.id)),
            ("gen_ai.request.model", target.model.to_string().into()),
            ("server.address", origin.host.clone().into()),
            ("server.port", u64::from(origin.port).into()),
            ("llm.provider", provider.name.clone().into()),
            ("llm.attempt", u64::from(self.number).into()),
            ("llm.attempt.class", end.class.as_str().into()),
        ]);
        if end.status > 0 {
            attributes.push(("http.response.status_code", u64::from(end.status).into()));
        }
        if let Some(usage) = &end.usage {
            Tokens::from(*usage).add_to(&mut attributes);
        }
        if let Some(first) = self.first {
            attributes.push(("llm.time_to_first_token", Value::seconds(first - self.begun)));
        }
        let is_error = !matches!(end.class, AttemptClass::Success | AttemptClass::ClientCancel);
        if is_error {
            let kind = if end.status >= 400 { end.status.to_string().into() } else { end.class.as_str().into() };
            attributes.push(("error.type", kind));
        }
        Span {
            trace: self.trace,
            span: self.span,
            parent: Some(self.parent),
            state: self.state,
            kind: Kind::Client,
            name: format!("{} {}", self.operation, target.model),
            start: self.clock.at(self.begun),
            end: self.clock.at(now),
            attributes,
            events: events(self.clock, self.first, now, ("llm.attempt.class", end.class.as_str())),
            is_error,
        }
    }
}

fn events(clock: Clock, first: Option<Instant>, end: Instant, told: (&'static str, &'static str)) -> Vec<Event> {
    let first = first.map(|at| Event { time: clock.at(at), name: FIRST_TOKEN, attributes: Vec::new() });
    let end = Event { time: clock.at(end), name: END, attributes: vec![(told.0, told.1.into())] };
    first.into_iter().chain([end]).collect()
}

/// `gen_ai.operation.name` of what is asked at an endpoint.
pub(super) fn operation(endpoint: &'static str) -> &'static str {
    match endpoint {
        "chat_completions" | "messages" | "responses" | "converse" | "cohere_chat" | "dashscope_generation" | "ollama_chat" | "mirror" => {
            "chat"
        }
        "completions" | "ollama_generate" => "text_completion",
        other => other,
    }
}

/// `gen_ai.provider.name`: the conventions' word for a vendor, where they have one.
fn vendor_name(id: &str) -> Value {
    let known = match id {
        "openai" | "openai_responses" | "openai_completions" => "openai",
        "azure" => "azure.ai.openai",
        "bedrock" | "bedrock_mantle" => "aws.bedrock",
        "gemini" | "gemini_openai" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "cohere" | "cohere_openai" => "cohere",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => return other.to_owned().into(),
    };
    known.into()
}

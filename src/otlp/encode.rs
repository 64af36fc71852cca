//! From records to OTLP messages.

use bytes::Bytes;
use prost::Message;

use super::proto;
use crate::trace::{Kind, Span, UsageRecord, Value};

const SCOPE: &str = "llm-sidecar";
/// The semantic conventions that attributes are named by.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";
const KIND_SERVER: i32 = 2;
const KIND_CLIENT: i32 = 3;
const STATUS_ERROR: i32 = 2;
const SEVERITY_INFO: i32 = 9;
/// The W3C flag of a trace that is sampled.
const SAMPLED: u32 = 1;
const USAGE: &str = "llm.usage";

/// An `ExportTraceServiceRequest`. `resource` says whose spans these are.
pub(super) fn spans(spans: Vec<Span>, resource: &[(String, String)]) -> Bytes {
    let scope_spans =
        proto::ScopeSpans { scope: Some(scope()), spans: spans.into_iter().map(span).collect(), schema_url: SCHEMA.to_owned() };
    let resource_spans = proto::ResourceSpans { resource: Some(self::resource(resource)), scope_spans: vec![scope_spans] };
    proto::ExportTraces { resource_spans: vec![resource_spans] }.encode_to_vec().into()
}

/// An `ExportLogsServiceRequest`.
pub(super) fn usage(records: Vec<UsageRecord>, resource: &[(String, String)]) -> Bytes {
    let scope_logs = proto::ScopeLogs { scope: Some(scope()), log_records: records.into_iter().map(log_record).collect() };
    let resource_logs = proto::ResourceLogs { resource: Some(self::resource(resource)), scope_logs: vec![scope_logs] };
    proto::ExportLogs { resource_logs: vec![resource_logs] }.encode_to_vec().into()
}

fn scope() -> proto::Scope {
    proto::Scope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn resource(attributes: &[(String, String)]) -> proto::Resource {
    let text = |(key, value): &(String, String)| attribute(key, proto::Any::Text(value.clone()));
    proto::Resource { attributes: attributes.iter().map(text).collect() }
}

fn span(span: Span) -> proto::Span {
    let event = |event: crate::trace::Event| proto::Event {
        time_unix_nano: event.time,
        name: event.name.to_owned(),
        attributes: attributes(event.attributes),
    };
    proto::Span {
        trace_id: span.trace.to_be_bytes().to_vec(),
        span_id: span.span.to_be_bytes().to_vec(),
        trace_state: span.state.map(|state| state.to_string()).unwrap_or_default(),
        parent_span_id: span.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
        name: span.name,
        kind: match span.kind {
            Kind::Server => KIND_SERVER,
            Kind::Client => KIND_CLIENT,
        },
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        status: span.is_error.then_some(proto::Status { code: STATUS_ERROR }),
        flags: SAMPLED,
    }
}

fn log_record(record: UsageRecord) -> proto::LogRecord {
    let (trace_id, span_id) =
        record.context.map(|(trace, span)| (trace.to_be_bytes().to_vec(), span.to_be_bytes().to_vec())).unwrap_or_default();
    proto::LogRecord {
        time_unix_nano: record.time,
        observed_time_unix_nano: record.time,
        severity_number: SEVERITY_INFO,
        flags: if trace_id.is_empty() { 0 } else { SAMPLED },
        trace_id,
        span_id,
        attributes: attributes(record.attributes),
        event_name: USAGE.to_owned(),
    }
}

fn attributes(from: Vec<(&'static str, Value)>) -> Vec<proto::KeyValue> {
    let any = |value| match value {
        Value::Text(text) => proto::Any::Text(text.into_owned()),
        Value::Number(number) => proto::Any::Number(number),
        Value::Fraction(fraction) => proto::Any::Fraction(fraction),
        Value::Flag(flag) => proto::Any::Flag(flag),
    };
    from.into_iter().map(|(key, value)| attribute(key, any(value))).collect()
}

fn attribute(key: &str, value: proto::Any) -> proto::KeyValue {
    proto::KeyValue { key: key.to_owned(), value: Some(proto::AnyValue { value: Some(value) }) }
}

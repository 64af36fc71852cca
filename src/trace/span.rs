//! What is exported: spans, and records of what requests used.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Whether a span serves a request or asks another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server,
    Client,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Cow<'static, str>),
    Number(i64),
    Fraction(f64),
    Flag(bool),
}

/// Something that took time. Times are nanoseconds since 1970.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace: u128,
    pub span: u64,
    pub parent: Option<u64>,
    /// The caller's `tracestate`, as it came.
    pub state: Option<Arc<str>>,
    pub kind: Kind,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(&'static str, Value)>,
    pub events: Vec<Event>,
    pub is_error: bool,
}

/// A moment within a span.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: u64,
    pub name: &'static str,
    pub attributes: Vec<(&'static str, Value)>,
}

/// What one request used, exported as a log record.
#[derive(Clone, Debug)]
pub struct UsageRecord {
    /// When the request ended, in nanoseconds since 1970.
    pub time: u64,
    /// The trace and span of the request, where it is traced.
    pub context: Option<(u128, u64)>,
    pub attributes: Vec<(&'static str, Value)>,
}

/// The longest text of a client's that is exported, in characters.
const MOST_TEXT: usize = 256;

impl Value {
    /// A time in seconds.
    pub fn seconds(time: Duration) -> Self {
        Self::Fraction(time.as_secs_f64())
    }

    /// A client's text, not longer than it need be.
    pub fn short(text: &str) -> Self {
        text.chars().take(MOST_TEXT).collect::<String>().into()
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

//! One error shape for everything a client can be told, whoever is at fault.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The error's type, from which each dialect derives its own type word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    InvalidRequest,
    Authentication,
    Permission,
    NotFound,
    RequestTooLarge,
    RateLimit,
    InsufficientQuota,
    Overloaded,
    Timeout,
    Conflict,
    /// The vendor failed, or its answer could not be understood.
    Upstream,
    /// The sidecar itself failed.
    Internal,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    Client,
    Upstream,
    Sidecar,
}

/// What a limit over time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitUnit {
    Requests,
    Tokens,
}

/// A limit over time as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    pub unit: LimitUnit,
    /// The most that can be taken at once.
    pub limit: u64,
    pub remaining: u64,
    /// Until all of it can be taken again.
    pub reset: Duration,
}

/// An error for the client. Each dialect writes it in its own shape; all four of OpenAI's keys are always there.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// HTTP status for the client.
    pub status: u16,
    pub kind: ErrorKind,
    pub fault: Fault,
    pub message: String,
    /// A stable machine-readable word (`model_not_found`), or the vendor's own.
    pub code: Option<Cow<'static, str>>,
    /// The request field at fault.
    pub param: Option<String>,
    /// How long the client should wait before it tries again.
    pub retry_after: Option<Duration>,
    /// The limits of the sidecar that the request met, for `x-ratelimit-*`.
    pub limits: Vec<LimitState>,
    /// `Some(false)` tells OpenAI's and Anthropic's SDKs not to retry by themselves.
    pub should_retry: Option<bool>,
    /// Further keys of the vendor's error object worth keeping (Azure's `innererror`).
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl ApiError {
    #[cold]
    pub fn new(status: u16, kind: ErrorKind, fault: Fault, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            fault,
            message: message.into(),
            code: Some(Cow::Borrowed(code)),
            param: None,
            retry_after: None,
            limits: Vec::new(),
            should_retry: None,
            extra: serde_json::Map::new(),
        }
    }

    /// A 400 that names the field at fault.
    #[cold]
    pub fn invalid(code: &'static str, param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(400, ErrorKind::InvalidRequest, Fault::Client, code, message) }
    }

    /// A 400 for a body that is not the JSON it should be.
    #[cold]
    pub fn invalid_json(message: impl Into<String>) -> Self {
        Self::new(400, ErrorKind::InvalidRequest, Fault::Client, "invalid_json", message)
    }

    /// A 502 for an upstream answer that is cut, malformed or not of the vendor's format.
    #[cold]
    pub fn upstream(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(502, ErrorKind::Upstream, Fault::Upstream, code, message)
    }

    /// A 504 for an upstream that did not answer in time.
    #[cold]
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(504, ErrorKind::Timeout, Fault::Upstream, "upstream_timeout", message)
    }

    /// A 500 for a fault of the sidecar's own.
    #[cold]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, ErrorKind::Internal, Fault::Sidecar, "internal_error", message)
    }

    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code.as_deref().unwrap_or("error"), self.message)
    }
}

impl std::error::Error for ApiError {}

//! What the admin listener answers with.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

pub(super) fn text(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
    let mut response = text("application/json", body.to_string());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn ok(body: &Value) -> Answer {
    json(StatusCode::OK, body)
}

/// Adds a header whose value is known to be one; others are left out.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// Why a request is refused: problem details (RFC 9457) with OpenAI's error object as a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    /// The field that is wrong, as in `config.base_url`.
    pub param: Option<String>,
    pub detail: String,
    /// A header that says more.
    header: Option<(HeaderName, String)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, param: None, detail: detail.into(), header: None }
    }

    pub(super) fn bad(code: &'static str, param: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail).at(param)
    }

    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    pub(super) fn answer(&self, request_id: &str) -> Answer {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            409 | 412 => "conflict_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let body = json!({
            "type": format!("urn:llm-sidecar:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": format!("urn:llm-sidecar:request:{request_id}"),
            "error": {"message": self.detail, "type": kind, "param": self.param, "code": self.code},
        });
        let mut answer = json(self.status, &body);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match &self.header {
            Some((name, value)) => with(answer, name.clone(), value),
            None => answer,
        }
    }
}

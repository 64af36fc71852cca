//! What a client is told when an upstream answered with an error, or not at all: the vendor's status and words, without keys,
//! hosts and addresses.

use http::{HeaderMap, Response, StatusCode};

use super::body::collect::collect;
use super::body::source::Source;
use super::{redact, retry_hint};
use crate::chat::{ApiError, ErrorKind, Fault};
use crate::runtime::{Credential, Provider, Target};
use crate::upstream::{SendError, SendErrorKind};

/// The largest error body that is read.
const MAX_ERROR: usize = 256 << 10;

/// Reads a vendor's error answer.
pub(super) async fn read(target: &Target, head: &Response<()>, mut source: Source) -> ApiError {
    // An error body that breaks off still has its status.
    let body = collect(&mut source, MAX_ERROR).await.unwrap_or_default();
    of_answer(target, head.status(), head.headers(), &body)
}

/// A vendor's error answer as the client is told it: status kept, words redacted, hints translated.
pub(super) fn of_answer(target: &Target, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    if status.is_redirection() || status.is_informational() {
        return ApiError::upstream("upstream_redirect", "the upstream answered with a redirect, which is not followed");
    }
    let dialect = target.dialect();
    let mut error = match dialect.error_classes() {
        Some(classes) => {
            let class = headers.get(classes.header()).and_then(|class| class.to_str().ok()).unwrap_or_default();
            classes.read_error(status.as_u16(), class, body)
        }
        None => dialect.read_error(status.as_u16(), body),
    };
    if matches!(status.as_u16(), 401) || matches!(error.kind, ErrorKind::Authentication) {
        error.code = Some("upstream_auth_failed".into());
        error.kind = ErrorKind::Authentication;
    }
    error.message = redacted(&target.provider, &error.message);
    error.retry_after = error.retry_after.or_else(|| retry_hint::read(headers, &error.message));
    if error.kind == ErrorKind::InsufficientQuota {
        error.should_retry = Some(false);
    }
    error
}

/// A text without the provider's keys and host.
#[cold]
pub(super) fn redacted(provider: &Provider, message: &str) -> String {
    let exposed: Vec<_> = provider.credentials.iter().map(Credential::exposed).collect();
    let mut secrets: Vec<&str> = exposed.iter().map(AsRef::as_ref).collect();
    secrets.push(&provider.origin.key.host);
    redact::message(message, &secrets).into_owned()
}

/// What the client is told of a request that got no answer; hosts and addresses stay in the log.
#[cold]
pub(super) fn of_send(error: &SendError) -> ApiError {
    tracing::debug!(%error, "no answer from the upstream");
    match error.kind {
        SendErrorKind::Dns => ApiError::upstream("upstream_dns", "the upstream's name could not be resolved"),
        SendErrorKind::Inside => ApiError::upstream("upstream_not_allowed", "the upstream's name leads to an address that is not allowed"),
        SendErrorKind::Connect => ApiError::upstream("upstream_connect_failed", "the upstream could not be connected to"),
        SendErrorKind::ConnectTimeout => {
            ApiError::upstream("upstream_connect_failed", "the upstream did not accept the connection in time")
        }
        SendErrorKind::TlsUntrusted => ApiError::upstream("upstream_tls", "the upstream's certificate is not trusted"),
        SendErrorKind::Tls => ApiError::upstream("upstream_tls", "the TLS handshake with the upstream failed"),
        SendErrorKind::Unsent | SendErrorKind::Reset => {
            ApiError::upstream("upstream_reset", "the upstream closed the connection before it answered")
        }
        SendErrorKind::Protocol => ApiError::upstream("upstream_invalid_response", "the upstream's answer is not HTTP"),
        SendErrorKind::RequestBody => {
            ApiError::new(400, ErrorKind::InvalidRequest, Fault::Client, "malformed_body", "the request's body ended early")
        }
    }
}

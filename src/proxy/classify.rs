//! From an error to the attempt's class, which decides what follows, and to a metric label of a closed set.

use crate::base::outcome::AttemptClass;
use crate::chat::{ApiError, ErrorKind, Fault};

/// What a vendor's error answer says of the attempt. `status` is the vendor's own.
pub(super) fn answer(status: u16, error: &ApiError) -> AttemptClass {
    if error.kind == ErrorKind::InsufficientQuota {
        return AttemptClass::QuotaGone;
    }
    match status {
        402 => AttemptClass::QuotaGone,
        429 | 503 | 529 | 498 => AttemptClass::Refused,
        408 | 424 | 500 | 502 | 504 | 505.. => AttemptClass::Ambiguous,
        _ => AttemptClass::Deterministic,
    }
}

/// What an error inside an answer with a success status says of the attempt, as long as no content has gone out.
pub(super) fn in_band(error: &ApiError) -> AttemptClass {
    match (error.kind, error.fault) {
        (ErrorKind::InsufficientQuota, _) => AttemptClass::QuotaGone,
        (ErrorKind::Overloaded | ErrorKind::RateLimit, Fault::Upstream) => AttemptClass::Refused,
        (ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::RequestTooLarge, Fault::Client) => AttemptClass::Deterministic,
        _ => AttemptClass::Ambiguous,
    }
}

/// The codes the sidecar gives itself; a vendor's own words are counted as one.
const OWN_CODES: [&str; 46] = [
    "bad_host",
    "bad_path",
    "budget_exceeded",
    "client_body_timeout",
    "content_filter",
    "context_length_exceeded",
    "duplicate_field",
    "exceeds_token_limit",
    "internal_error",
    "invalid_api_key",
    "invalid_json",
    "invalid_type",
    "invalid_value",
    "malformed_body",
    "method_not_allowed",
    "method_not_supported",
    "missing_api_key",
    "missing_required_parameter",
    "model_not_allowed",
    "model_not_found",
    "overloaded",
    "rate_limit_exceeded",
    "insufficient_quota",
    "request_too_large",
    "server_shutting_down",
    "unknown_parameter",
    "unknown_url",
    "unsupported_encoding",
    "unsupported_media_type",
    "unsupported_parameter",
    "upstream_auth_failed",
    "upstream_connect_failed",
    "upstream_dns",
    "upstream_error",
    "upstream_event_too_large",
    "upstream_idle_timeout",
    "upstream_invalid_event",
    "upstream_invalid_response",
    "upstream_not_allowed",
    "upstream_redirect",
    "upstream_reset",
    "upstream_stream_truncated",
    "upstream_timeout",
    "upstream_tls",
    "upstream_too_slow",
    "upstream_unavailable",
];

pub(super) fn metric_code(error: &ApiError) -> &'static str {
    let code = error.code.as_deref().unwrap_or_default();
    if let Some(own) = OWN_CODES.into_iter().find(|own| *own == code) {
        return own;
    }
    match error.fault {
        Fault::Client => "client_error",
        Fault::Upstream => "vendor_error",
        Fault::Sidecar => "internal_error",
    }
}

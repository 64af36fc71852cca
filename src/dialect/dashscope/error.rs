//! Errors: `{code, message, request_id}`, which may come with a success status.

use serde_json::{Map, Value, json};

use crate::chat::{ApiError, ErrorKind};
use crate::dialect::Dialect;
use crate::dialect::openai_chat::OpenAiChat;

/// The statuses that the vendor's codes stand for, by how they begin.
const STATUSES: [(&str, u16); 15] = [
    ("InvalidApiKey", 401),
    ("Arrearage", 402),
    ("AccessDenied", 403),
    ("Model.AccessDenied", 403),
    ("Workspace.AccessDenied", 403),
    ("ModelNotFound", 404),
    ("Model.NotExist", 404),
    ("RequestTooLarge", 413),
    ("Throttling", 429),
    ("InternalError", 500),
    ("ServiceUnavailable", 503),
    ("ModelUnavailable", 503),
    ("ModelServiceFailed", 503),
    ("GatewayTimeout", 504),
    ("RequestTimeOut", 504),
];
/// Any other code of the vendor's says what is wrong with the request: `InvalidParameter`, `DataInspectionFailed`.
const OTHERWISE: u16 = 400;

/// Reads an error body with the vendor's status.
pub(super) fn read(status: u16, body: &[u8]) -> ApiError {
    OpenAiChat.read_error(status, body)
}

/// Reads an error that came with a success status: its code is all that tells the status.
pub(super) fn in_band(error: &Value, body: &[u8]) -> ApiError {
    let code = error.get("code").and_then(Value::as_str);
    let status =
        code.map_or(502, |code| STATUSES.iter().find(|(begin, _)| code.starts_with(begin)).map_or(OTHERWISE, |(_, status)| *status));
    read(status, body)
}

/// Writes an error body.
pub(super) fn write(error: &ApiError, request_id: &str) -> Value {
    let mut written = Map::new();
    written.insert("code".into(), code(error).into());
    written.insert("message".into(), error.message.as_str().into());
    if !request_id.is_empty() {
        written.insert("request_id".into(), request_id.into());
    }
    json!(written)
}

/// The vendor's word; its own ones begin with a capital letter.
fn code(error: &ApiError) -> &str {
    match error.code.as_deref() {
        Some(own) if own.starts_with(|first: char| first.is_ascii_uppercase()) => own,
        Some("content_filter") => "DataInspectionFailed",
        _ => match error.kind {
            ErrorKind::InvalidRequest | ErrorKind::Conflict => "InvalidParameter",
            ErrorKind::Authentication => "InvalidApiKey",
            ErrorKind::Permission => "AccessDenied",
            ErrorKind::NotFound => "ModelNotFound",
            ErrorKind::RequestTooLarge => "RequestTooLarge",
            ErrorKind::RateLimit => "Throttling.RateQuota",
            ErrorKind::InsufficientQuota => "Arrearage",
            ErrorKind::Overloaded => "ServiceUnavailable",
            ErrorKind::Timeout => "RequestTimeOut",
            ErrorKind::Upstream | ErrorKind::Internal => "InternalError",
        },
    }
}

//! Identifiers the sidecar makes up: request ids, answer ids and tool-call ids.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A request id: a version 7 UUID (RFC 9562), so that ids sort by time. It is unique but no secret, so its random part does
/// not cost a system call.
pub fn request_id() -> String {
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let mut digits = Uuid::encode_buffer();
    let digits = &*Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid().simple().encode_lower(&mut digits);
    let mut id = String::with_capacity("req_".len() + digits.len());
    id.push_str("req_");
    id.push_str(digits);
    id
}

/// `prefix` followed by `length` random letters and digits, as vendors build their ids (`chatcmpl-…`, `call_…`, `msg_…`).
pub fn random(prefix: &str, length: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    for _ in 0..length {
        // `choice` is None only for an empty slice.
        id.push(char::from(fastrand::choice(ALPHANUMERIC).copied().unwrap_or(b'0')));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_7_and_differ() {
        let (one, other) = (request_id(), request_id());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.get(16..17)), (36, Some("7")), "{one}");
    }

    #[test]
    fn random_ids_have_the_asked_form() {
        let id = random("call_", 24);
        assert_eq!(id.len(), 29);
        assert!(id.starts_with("call_") && id.bytes().skip(5).all(|b| b.is_ascii_alphanumeric()));
    }
}

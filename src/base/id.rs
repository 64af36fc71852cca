//! Identifiers the sidecar makes up: request ids, answer ids and tool-call ids.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Builder;

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A request id: a version 7 UUID (RFC 9562, 5.7), so that ids sort by time. Its random part is no secret and comes without
/// asking the system.
pub fn request_id() -> String {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    format!("req_{}", Builder::from_unix_timestamp_millis(millis, &random).into_uuid().simple())
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
    fn request_ids_differ_and_sort_by_time() {
        let first = request_id();
        std::iter::repeat_with(request_id).find(|id| id.get(4..16) > first.get(4..16)).unwrap();
        assert_ne!(request_id(), request_id());
        assert_eq!(first.len(), 36);
    }

    #[test]
    fn random_ids_have_the_asked_form() {
        let id = random("call_", 24);
        assert_eq!(id.len(), 29);
        assert!(id.starts_with("call_") && id.bytes().skip(5).all(|b| b.is_ascii_alphanumeric()));
    }
}

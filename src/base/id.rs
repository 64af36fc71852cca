//! Identifiers the sidecar makes up: request ids, answer ids and tool-call ids.

use uuid::Uuid;

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A request id: a version 7 UUID, so that ids sort by time.
pub fn request_id() -> String {
    format!("req_{}", Uuid::now_v7().simple())
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
    fn random_ids_have_the_asked_form() {
        let id = random("call_", 24);
        assert_eq!(id.len(), 29);
        assert!(id.starts_with("call_") && id.bytes().skip(5).all(|b| b.is_ascii_alphanumeric()));
    }
}

//! Cache points: where a prompt is worth keeping up to.

use serde::Serialize;

use crate::chat::CacheHint;

#[derive(Serialize)]
pub(super) struct CachePoint {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CachePoint {
    /// Prompts are kept for five minutes or an hour; whatever is wanted for longer is kept for the hour.
    pub(super) fn new(hint: &CacheHint) -> Self {
        let ttl = match hint.ttl.as_deref() {
            None => None,
            Some("5m") => Some("5m"),
            Some(_) => Some("1h"),
        };
        Self { r#type: "default", ttl }
    }
}

/// Counts cache points: a model takes four in a request, or none.
pub(super) struct CachePoints {
    left: u8,
    pub(super) lost: bool,
}

impl CachePoints {
    pub(super) fn new(taken: bool) -> Self {
        Self { left: if taken { 4 } else { 0 }, lost: false }
    }

    pub(super) fn take(&mut self, hint: Option<&CacheHint>) -> Option<CachePoint> {
        let point = CachePoint::new(hint?);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(point)
            }
            None => {
                self.lost = true;
                None
            }
        }
    }
}

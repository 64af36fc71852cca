//! Which headers cross the sidecar. Both directions go by a list of what may pass; hop-by-hop headers, credentials, cookies
//! and whatever else the peers think of stay behind.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// A client's headers that vendors get.
static TO_VENDOR: [HeaderName; 5] = [
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("x-client-request-id"),
];
/// A vendor's headers that clients get.
const TO_CLIENT: [&str; 4] = ["retry-after", "retry-after-ms", "openai-processing-ms", "openai-version"];
const RATE_LIMIT: &str = "x-ratelimit-";
const ANTHROPIC_RATE_LIMIT: &str = "anthropic-ratelimit-";
/// Anthropic's rate-limit headers, behind their prefix, and OpenAI's for the same.
const RATE_LIMITS: [(&str, &str); 6] = [
    ("requests-limit", "x-ratelimit-limit-requests"),
    ("requests-remaining", "x-ratelimit-remaining-requests"),
    ("requests-reset", "x-ratelimit-reset-requests"),
    ("tokens-limit", "x-ratelimit-limit-tokens"),
    ("tokens-remaining", "x-ratelimit-remaining-tokens"),
    ("tokens-reset", "x-ratelimit-reset-tokens"),
];

/// How long the client is willing to wait in all, in milliseconds. It can only shorten the provider's `timeout.total`.
static TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The time a request may take in all, by its provider's setting and the client's own wish.
pub(super) fn total_timeout(client: &HeaderMap, configured: Duration) -> Duration {
    let wished = client.get(&TIMEOUT).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok()).filter(|ms| *ms > 0);
    wished.map_or(configured, |ms| configured.min(Duration::from_millis(ms)))
}

/// Copies what a vendor may see of a client's headers: those that any may, and `relayed`, which their dialect relays.
pub(super) fn to_vendor(client: &HeaderMap, relayed: &[&'static str], out: &mut HeaderMap) {
    let relayed = relayed.iter().map(|name| HeaderName::from_static(name));
    for name in TO_VENDOR.iter().cloned().chain(relayed) {
        if let Some(value) = client.get(&name) {
            out.insert(name, value.clone());
        }
    }
}

/// Copies what a client may see of a vendor's headers. Anthropic's rate-limit headers become OpenAI's as well.
pub(super) fn to_client(vendor: &HeaderMap, out: &mut HeaderMap) {
    for (name, value) in vendor {
        let text = name.as_str();
        if text.starts_with(RATE_LIMIT) || TO_CLIENT.contains(&text) {
            out.insert(name.clone(), value.clone());
        } else if let Some(limit) = text.strip_prefix(ANTHROPIC_RATE_LIMIT) {
            out.insert(name.clone(), value.clone());
            if let Some((_, openais)) = RATE_LIMITS.iter().find(|(anthropics, _)| *anthropics == limit) {
                let value = if limit.ends_with("-reset") { until(value) } else { Some(value.clone()) };
                value.map(|value| out.insert(HeaderName::from_static(openais), value));
            }
        }
    }
}

/// What a pass-through answer keeps of its vendor's headers, beside the above.
pub(super) fn content(vendor: &HeaderMap, out: &mut HeaderMap) {
    for name in [CONTENT_TYPE, http::header::CONTENT_DISPOSITION, http::header::CONTENT_ENCODING, http::header::CONTENT_RANGE] {
        if let Some(value) = vendor.get(&name) {
            out.insert(name, value.clone());
        }
    }
}

/// What a pass-through request keeps of its client's headers, beside the above.
pub(super) fn pass_to_vendor(client: &HeaderMap, out: &mut HeaderMap) {
    for name in [CONTENT_TYPE, ACCEPT, http::header::RANGE] {
        if let Some(value) = client.get(&name) {
            out.insert(name, value.clone());
        }
    }
}

/// A point in time (RFC 3339) as the time until then, in the form OpenAI uses (`1m30s`).
fn until(at: &HeaderValue) -> Option<HeaderValue> {
    let at: jiff::Timestamp = at.to_str().ok()?.parse().ok()?;
    let seconds = at.duration_since(jiff::Timestamp::now()).as_secs().max(0);
    let text = if seconds >= 60 { format!("{}m{}s", seconds / 60, seconds % 60) } else { format!("{seconds}s") };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_headers_cross() {
        let mut client = HeaderMap::new();
        for name in ["authorization", "cookie", "x-api-key", "x-forwarded-for", "traceparent", "anthropic-beta", "idempotency-key"] {
            client.insert(name, HeaderValue::from_static("v"));
        }
        let mut out = HeaderMap::new();
        to_vendor(&client, &[], &mut out);
        assert_eq!(out.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["idempotency-key", "traceparent"]);
        let mut vendor = HeaderMap::new();
        for name in ["set-cookie", "server", "openai-organization", "x-ratelimit-limit-requests", "retry-after"] {
            vendor.insert(name, HeaderValue::from_static("v"));
        }
        let mut out = HeaderMap::new();
        to_client(&vendor, &mut out);
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn a_client_can_shorten_the_time_but_not_lengthen_it() {
        let minute = Duration::from_secs(60);
        let total = |value: &'static str| {
            let mut client = HeaderMap::new();
            client.insert(&TIMEOUT, HeaderValue::from_static(value));
            total_timeout(&client, minute)
        };
        assert_eq!(total("1500"), Duration::from_millis(1500));
        for value in ["90000", "0", "-5", "soon"] {
            assert_eq!(total(value), minute, "{value}");
        }
    }

    #[test]
    fn anthropic_limits_are_told_in_openais_words() {
        let mut vendor = HeaderMap::new();
        vendor.insert("anthropic-ratelimit-requests-limit", HeaderValue::from_static("50"));
        vendor.insert("anthropic-ratelimit-requests-reset", HeaderValue::from_static("2020-01-01T00:00:00Z"));
        let mut out = HeaderMap::new();
        to_client(&vendor, &mut out);
        assert_eq!(out["x-ratelimit-limit-requests"], "50");
        assert_eq!(out["x-ratelimit-reset-requests"], "0s");
    }
}

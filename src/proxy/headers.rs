//! Which headers cross the sidecar. Both directions go by a list of what may pass; hop-by-hop headers, credentials, cookies
//! and whatever else the peers think of stay behind.

use std::time::Duration;

use http::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use smallvec::SmallVec;

/// A client's headers that vendors get.
const TO_VENDOR: [&str; 5] = ["idempotency-key", "traceparent", "tracestate", "openai-beta", "x-client-request-id"];
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

/// What an answer that is passed on as it is keeps of its vendor's headers, beside the above.
pub(super) static CONTENT: [HeaderName; 5] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE];

/// How long the client is willing to wait in all, in milliseconds. It can only shorten the provider's `timeout.total`.
static TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The time a request may take in all, by its provider's setting and the client's own wish.
pub(super) fn total_timeout(client: &HeaderMap, configured: Duration) -> Duration {
    let wished = client.get(&TIMEOUT).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok()).filter(|ms| *ms > 0);
    wished.map_or(configured, |ms| configured.min(Duration::from_millis(ms)))
}

/// Copies what a vendor may see of a client's headers: those that any may, and `relayed`, which their dialect relays.
pub(super) fn to_vendor(client: &HeaderMap, relayed: &[&'static str], out: &mut HeaderMap) {
    // Most clients send fewer headers than there are to look for. Of several with one name the first counts.
    for (name, value) in client {
        let text = name.as_str();
        if TO_VENDOR.contains(&text) || relayed.contains(&text) {
            out.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// Leaves of a vendor's headers what a client may see, and `content` of them. Anthropic's rate-limit headers become OpenAI's as well.
pub(super) fn to_client(headers: &mut HeaderMap, content: &[HeaderName]) {
    let may_pass = |name: &HeaderName| {
        let text = name.as_str();
        text.starts_with(RATE_LIMIT) || text.starts_with(ANTHROPIC_RATE_LIMIT) || TO_CLIENT.contains(&text) || content.contains(name)
    };
    // Most pass, and these need not be hashed again.
    let held_back: SmallVec<[HeaderName; 12]> = headers.keys().filter(|name| !may_pass(name)).cloned().collect();
    for name in &held_back {
        headers.remove(name);
    }
    // Of several with one name the last counts: two lengths are none.
    if headers.len() > headers.keys_len() {
        for (name, value) in &std::mem::take(headers) {
            headers.insert(name.clone(), value.clone());
        }
    }
    let limits: Vec<(HeaderName, HeaderValue)> = headers.iter().filter_map(|(name, value)| openais_limit(name, value)).collect();
    for (name, value) in limits {
        headers.insert(name, value);
    }
}

/// A rate-limit header of Anthropic's in OpenAI's words.
fn openais_limit(name: &HeaderName, value: &HeaderValue) -> Option<(HeaderName, HeaderValue)> {
    let limit = name.as_str().strip_prefix(ANTHROPIC_RATE_LIMIT)?;
    let (_, openais) = RATE_LIMITS.iter().find(|(anthropics, _)| *anthropics == limit)?;
    let value = if limit.ends_with("-reset") { until(value)? } else { value.clone() };
    Some((HeaderName::from_static(openais), value))
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
        assert_eq!(out.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["traceparent", "idempotency-key"]);
        let mut vendor = HeaderMap::new();
        for name in ["set-cookie", "server", "openai-organization", "x-ratelimit-limit-requests", "retry-after"] {
            vendor.insert(name, HeaderValue::from_static("v"));
        }
        vendor.insert(CONTENT_TYPE, HeaderValue::from_static("v"));
        let mut out = vendor.clone();
        to_client(&mut out, &[]);
        assert_eq!(out.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-ratelimit-limit-requests", "retry-after"]);
        to_client(&mut vendor, &CONTENT);
        assert_eq!(vendor.len(), 3);
    }

    #[test]
    fn of_a_repeated_header_the_last_is_told() {
        let mut vendor = HeaderMap::new();
        for (name, value) in [(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "7"), (http::header::RETRY_AFTER, "1")] {
            vendor.append(name, HeaderValue::from_static(value));
        }
        to_client(&mut vendor, &CONTENT);
        assert_eq!(vendor.get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>(), ["7"]);
        assert_eq!(vendor.len(), 2);
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
        to_client(&mut vendor, &[]);
        assert_eq!(vendor["x-ratelimit-limit-requests"], "50");
        assert_eq!(vendor["x-ratelimit-reset-requests"], "0s");
        assert_eq!(vendor.len(), 4);
    }
}

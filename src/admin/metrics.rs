//! `/metrics`, in the form the scraper asks for.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap};
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use tokio::time::Instant;

use super::answer::text;
use super::serve::Admin;
use crate::metrics::to_classic;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Prometheus's own form, for scrapers that know no other. It has no exemplars.
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn page(admin: &Admin, headers: &HeaderMap) -> Response<Full<Bytes>> {
    admin.runtime.snapshot().measure(&admin.runtime.metrics, Instant::now());
    let page = admin.runtime.metrics.encode();
    let mut response = if wants_classic(headers) { text(CLASSIC, to_classic(&page)) } else { text(OPEN_METRICS, page) };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// OpenMetrics, unless the classic form is asked for more urgently.
fn wants_classic(headers: &HeaderMap) -> bool {
    let (mut open, mut classic) = (0.0_f32, 0.0_f32);
    for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        match kind.as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            "text/plain" => classic = classic.max(weight),
            _ => {}
        }
    }
    classic > open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        let classic = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wants_classic(&headers)
        };
        assert!(!wants_classic(&HeaderMap::new()));
        for open in [
            "*/*",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "text/html, */*;q=0.1",
        ] {
            assert!(!classic(open), "{open}");
        }
        for old in ["text/plain", "text/plain;version=0.0.4;q=1,*/*;q=0.1", "application/openmetrics-text;q=0.2, text/plain"] {
            assert!(classic(old), "{old}");
        }
    }
}

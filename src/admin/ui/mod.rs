//! The dashboard: its page, scripts and styles, in the binary. Nothing of it comes from elsewhere, and its policy forbids that
//! anything does. It holds nothing worth knowing: what it shows, it asks the API for, with the user's token.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{Answer, Problem, text};

/// A file of the dashboard, compressed.
struct Asset {
    name: &'static str,
    kind: &'static str,
    /// The entity tag, in quotes.
    tag: &'static str,
    gzip: &'static [u8],
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
const PAGE: &str = "index.html";

/// No script or style stands in the page itself, none comes from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (http::header::X_FRAME_OPTIONS, "DENY"),
    (http::header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // Asked for each time, and mostly answered with 304.
    (CACHE_CONTROL, "no-cache"),
];

/// The page at the root.
pub(super) fn page(headers: &HeaderMap) -> Result<Answer, Problem> {
    asset(PAGE, headers)
}

/// A file by its name.
pub(super) fn asset(name: &str, headers: &HeaderMap) -> Result<Answer, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(|| Problem::missing("the dashboard has no such file"))?;
    let has = |name: HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.split(';').next().is_some_and(|value| value.trim() == wanted))
    };
    let mut answer = if has(IF_NONE_MATCH, asset.tag) {
        let mut answer = text(asset.kind, Bytes::new());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else if has(ACCEPT_ENCODING, "gzip") {
        let mut answer = text(asset.kind, Bytes::from_static(asset.gzip));
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        let mut plain = Vec::new();
        let read = GzDecoder::new(asset.gzip).read_to_end(&mut plain);
        read.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the file cannot be unpacked"))?;
        text(asset.kind, plain)
    };
    let all = answer.headers_mut();
    all.insert(ETAG, HeaderValue::from_static(asset.tag));
    all.insert(VARY, HeaderValue::from_static("accept-encoding"));
    for (name, value) in HEADERS {
        all.insert(name, HeaderValue::from_static(value));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn unpacked(asset: &Asset) -> String {
        let mut text = String::new();
        GzDecoder::new(asset.gzip).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_are_sent_compressed_plain_or_not_again() {
        let packed = page(&headers(&[(ACCEPT_ENCODING, "br, gzip;q=0.9")])).unwrap();
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        let plain = page(&HeaderMap::new()).unwrap();
        assert!(plain.headers().get(CONTENT_ENCODING).is_none());
        let tag = plain.headers()[ETAG].clone();
        let again = page(&HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(asset("../index.html", &HeaderMap::new()).is_err());
        for answer in [packed, plain, again] {
            assert!(answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
            assert_eq!(answer.headers()[http::header::X_FRAME_OPTIONS], "DENY");
        }
    }

    /// The policy would forbid it, and the page would not work.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let page = unpacked(ASSETS.iter().find(|asset| asset.name == PAGE).unwrap());
        assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick") && !page.contains("<script>"));
        for asset in ASSETS {
            let text = unpacked(asset);
            let foreign = text.match_indices("https://").chain(text.match_indices("http://")).map(|(at, _)| &text[at..]);
            // A name space and the library's own address in its licence line are asked for by nobody.
            let foreign: Vec<_> =
                foreign.filter(|url| !url.starts_with("http://www.w3.org/") && !url.starts_with("https://github.com/leeoniya/")).collect();
            assert!(foreign.is_empty(), "{}: {}", asset.name, &foreign[0][..40.min(foreign[0].len())]);
            assert!(!text.contains("innerHTML") || asset.name.starts_with("uPlot"), "{}: text becomes markup", asset.name);
            assert!(!text.contains("eval(") && !text.contains("new Function"), "{}", asset.name);
        }
    }
}

//! When a vendor says to come back: each vendor's way of saying it, as a time to wait.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

/// The longest wait that is believed.
const MAX: Duration = Duration::from_secs(86_400);

/// The wait a vendor asks for, in its headers or in its words. Nonsense counts as nothing said.
pub(super) fn read(headers: &HeaderMap, message: &str) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    header("retry-after-ms")
        .and_then(|v| v.parse::<f64>().ok())
        .and_then(|ms| seconds(ms / 1000.0))
        .or_else(|| header("retry-after").and_then(after))
        .or_else(|| in_words(message))
}

/// Seconds, or an HTTP date.
fn after(value: &str) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        return seconds(number);
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    seconds(at.duration_since(Timestamp::now()).as_secs_f64().max(0.0))
}

/// "Please try again in 5.289s", "in 120ms", "in 1m2.5s".
fn in_words(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("try again in ")?;
    duration(rest.split(|c: char| c.is_whitespace() || c == ',').next()?.trim_end_matches('.'))
}

/// A duration as OpenAI writes it: `88ms`, `1s`, `6m0s`, `1h2m3s`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    seconds(total)
}

fn seconds(value: f64) -> Option<Duration> {
    (value.is_finite() && value >= 0.0).then(|| Duration::try_from_secs_f64(value).unwrap_or(MAX).min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_nonsense_is_not() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            read(&headers, "")
        };
        assert_eq!(with("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(with("retry-after", "1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(with("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(with("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["-3", "NaN", "soon", "inf"] {
            assert_eq!(with("retry-after", nonsense), None, "{nonsense}");
        }
        let said = |text: &str| read(&HeaderMap::new(), text);
        assert_eq!(said("Rate limit reached. Please try again in 5.289s."), Some(Duration::from_millis(5289)));
        assert_eq!(said("try again in 1m2.5s, thanks"), Some(Duration::from_millis(62_500)));
        assert_eq!(said("try again in 88ms"), Some(Duration::from_millis(88)));
        assert_eq!(said("try again in a while"), None);
    }
}

//! The words a client marks its requests with, for budgets and records of use.

use http::{HeaderMap, HeaderName};

const TAGS: HeaderName = HeaderName::from_static("x-llm-tags");
const MOST: usize = 16;
/// In bytes.
const LONGEST: usize = 64;

/// The words of the header, separated by commas. Words that are too long or hold other characters than letters, digits and
/// `-_.:/` are passed over, and so are those after the sixteenth.
pub(super) fn of(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(TAGS).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|tag| is_tag(tag)).take(MOST).map(str::to_owned).collect()
}

fn is_tag(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_words_between_commas() {
        let mut headers = HeaderMap::new();
        assert!(of(&headers).is_empty());
        headers.append(TAGS, HeaderValue::from_static("nightly, team:a/b ,, no good,"));
        headers.append(TAGS, HeaderValue::from_static("v1.2"));
        assert_eq!(of(&headers), ["nightly", "team:a/b", "v1.2"]);
        headers.append(TAGS, HeaderValue::try_from(vec!["x"; 30].join(",")).unwrap());
        assert_eq!(of(&headers).len(), MOST);
    }
}

//! What a request asks of the simulator besides its answer: status, timing and faults.
//!
//! A directive is a header (`x-sim-status: 429`) or, since a proxy may strip headers it does not know, words in the last user
//! message (`[sim status=429 retry-after=2]`). The words are not part of the answer's echo.

use std::fmt::Write;
use std::time::Duration;

use http::HeaderMap;

use super::fault::Fault;
use crate::chat::ApiError;

const PREFIX: &str = "x-sim-";
const OPEN: &str = "[sim ";

/// The directives and what they do, in the order of the help.
pub(super) const KEYS: [(&str, &str); 14] = [
    ("status", "answer with this error status (400 to 599) in the dialect's error shape"),
    ("retry-after", "with `status`: the value of the retry-after header"),
    ("code", "with `status`: the error's code, e.g. insufficient_quota"),
    ("times", "apply `status` or `fault` to the first N equal requests only, then answer and start over"),
    ("delay-ms", "wait before the response head"),
    ("first-token-ms", "wait between the head and the first content"),
    ("chunk-ms", "wait between two contents of a stream"),
    ("chunks", "make the answer's text this many deltas (or chunks of speech)"),
    ("chunk-bytes", "make each of these deltas this long"),
    ("cached-tokens", "count this many of the prompt's tokens as cached"),
    ("usage", "`none` leaves the token counts out"),
    ("tool-calls", "call this many of the offered tools at once"),
    ("fault", "cut | reset | stall | garbage | error-event | no-finish | html | truncated-json"),
    ("fault-after", "with `fault` in a stream: how many events go out first (3)"),
];

/// The directives as text for a terminal.
pub fn help() -> String {
    let mut text = String::from("Directives, as a header `x-sim-KEY: VALUE` or in the last user message as `[sim KEY=VALUE ...]`:\n");
    for (key, meaning) in KEYS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {key:<16}{meaning}");
    }
    text
}

/// The directives of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directives {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<String>,
    pub(super) code: Option<String>,
    pub(super) times: Option<u32>,
    pub(super) delay: Duration,
    pub(super) first_token: Duration,
    pub(super) chunk_pause: Duration,
    pub(super) chunks: Option<usize>,
    pub(super) chunk_bytes: Option<usize>,
    pub(super) cached_tokens: Option<u64>,
    pub(super) no_usage: bool,
    pub(super) tool_calls: Option<usize>,
    pub(super) fault: Option<Fault>,
    pub(super) fault_after: Option<usize>,
}

impl Directives {
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut directives = Self::default();
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix(PREFIX) {
                let value = value.to_str().map_err(|_| bad(key, "visible ASCII"))?;
                directives.set(key, value.trim())?;
            }
        }
        Ok(directives)
    }

    /// Takes the directives out of `text`; what is left is what the user said.
    pub(super) fn take_from(&mut self, text: &str) -> Result<String, ApiError> {
        let Some((before, after)) = text.split_once(OPEN) else { return Ok(text.to_owned()) };
        let Some((words, after)) = after.split_once(']') else { return Ok(text.to_owned()) };
        for word in words.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| bad(word, "KEY=VALUE"))?;
            self.set(key, value)?;
        }
        Ok(format!("{}{}", before.trim_end(), after.trim_end()).trim().to_owned())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ApiError> {
        match key {
            "status" => {
                let status = number(key, value)?;
                if !(400..=599).contains(&status) {
                    return Err(bad(key, "a status from 400 to 599"));
                }
                self.status = Some(status);
            }
            "retry-after" => self.retry_after = Some(value.to_owned()),
            "code" => self.code = Some(value.to_owned()),
            "times" => self.times = Some(number(key, value)?),
            "delay-ms" => self.delay = Duration::from_millis(number(key, value)?),
            "first-token-ms" => self.first_token = Duration::from_millis(number(key, value)?),
            "chunk-ms" => self.chunk_pause = Duration::from_millis(number(key, value)?),
            "chunks" => self.chunks = Some(number(key, value)?),
            "chunk-bytes" => self.chunk_bytes = Some(number(key, value)?),
            "cached-tokens" => self.cached_tokens = Some(number(key, value)?),
            "usage" if value == "none" => self.no_usage = true,
            "usage" => return Err(bad(key, "none")),
            "tool-calls" => self.tool_calls = Some(number(key, value)?),
            "fault" => {
                let words: Vec<_> = Fault::ALL.iter().map(|(word, _)| *word).collect();
                self.fault = Some(Fault::parse(value).ok_or_else(|| bad(key, &words.join(", ")))?);
            }
            "fault-after" => self.fault_after = Some(number(key, value)?),
            _ => {
                let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
                return Err(ApiError::invalid("unknown_directive", key, format!("unknown directive `{key}`; known: {}", keys.join(", "))));
            }
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, ApiError> {
    value.parse().map_err(|_| bad(key, "a whole number"))
}

fn bad(key: &str, wanted: &str) -> ApiError {
    ApiError::invalid("invalid_directive", key, format!("the directive `{key}` takes {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_words_say_the_same() {
        let mut headers = HeaderMap::new();
        headers.insert("x-sim-status", "429".parse().unwrap());
        headers.insert("x-sim-retry-after", "2".parse().unwrap());
        headers.insert("x-sim-fault", "no-finish".parse().unwrap());
        let by_header = Directives::from_headers(&headers).unwrap();
        let mut by_words = Directives::default();
        let said = by_words.take_from("Hello there. [sim status=429 retry-after=2 fault=no-finish]").unwrap();
        assert_eq!(said, "Hello there.");
        assert_eq!(by_words, by_header);
    }

    #[test]
    fn a_wrong_directive_is_told() {
        let mut directives = Directives::default();
        for (text, part) in [("[sim colour=red]", "known: status"), ("[sim status=200]", "400 to 599"), ("[sim fault=x]", "cut, reset")] {
            assert!(directives.take_from(text).unwrap_err().message.contains(part), "{text}");
        }
    }

    #[test]
    fn the_manual_names_every_directive() {
        let manual = include_str!("../../docs/simulator.md");
        for (key, _) in KEYS {
            assert!(manual.contains(&format!("`{key}`")), "{key}");
        }
        for (fault, _) in Fault::ALL {
            assert!(manual.contains(&format!("`{fault}`")), "{fault}");
        }
    }
}

//! Keeps secrets out of the lines and messages that are shown.
//!
//! A line is shown only to help its author find a mistake, so the rule is to show what is known to be harmless: the values of the
//! configuration's own keys, but for those that hold secrets. What was taken from the environment or a file is replaced wherever it
//! turns up, and so is what looks like a credential.

use std::ops::Range;

use aho_corasick::AhoCorasick;

const SHOWN: &str = "***";
/// Shorter texts are hidden only where they stand, not wherever they turn up.
const SHORTEST_SECRET: usize = 5;
/// Shorter texts are hidden only as whole words: `short` is a bad key, but `shorter` belongs to the message about it.
const SHORTEST_PART: usize = 12;
/// What vendors put in front of their keys.
const PREFIXES: &[&str] =
    &["sk-", "sk_", "pk-", "gsk_", "xai-", "hf_", "r8_", "pplx-", "nvapi-", "fw_", "csk-", "dapi", "AIza", "AKIA", "ghp_", "eyJ", "enc:"];
const SECRET_KEYS: &[&str] = &["api_key", "api_keys", "token", "key", "secret_access_key", "session_token", "client_secret"];

/// Replaces secrets in lines and messages.
pub struct Mask {
    /// Finds values that must not be shown, all in one pass, however many there are: with a thousand providers every text would be
    /// searched a thousand times. `None` where they cannot be searched for, and nothing is shown.
    secrets: Option<AhoCorasick>,
    /// Keys whose values may be shown.
    harmless: Vec<&'static str>,
}

impl Mask {
    /// `known_keys` are the keys of the configuration, from its schema.
    pub fn new(mut secrets: Vec<String>, known_keys: impl Iterator<Item = &'static str>) -> Self {
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        let harmless = known_keys.filter(|key| !SECRET_KEYS.contains(key)).collect();
        Self { secrets: AhoCorasick::new(secrets).ok(), harmless }
    }

    /// A message without what must not be shown.
    pub fn text(&self, text: &str) -> String {
        let mut ranges = self.known(text);
        ranges.extend(credentials(text));
        replace(text, ranges, 0).0
    }

    /// A line of a file, and the caret's column in it (both counted from 0). `trusted`: text without a key of its own may be shown.
    pub fn line(&self, line: &str, column: usize, trusted: bool) -> (String, usize) {
        let mut ranges = self.values(line, trusted);
        ranges.extend(self.known(line));
        ranges.extend(credentials(line));
        let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let (shown, at) = replace(line, ranges, at);
        let column = shown.get(..at).map_or(0, |before| before.chars().count());
        (shown, column)
    }

    /// The value at this path may be shown.
    pub fn is_harmless(&self, path: &str) -> bool {
        let last = path.rsplit('.').next().unwrap_or_default();
        let name = last.split('[').next().unwrap_or_default();
        self.harmless.contains(&name)
    }

    fn known(&self, text: &str) -> Vec<Range<usize>> {
        let Some(secrets) = &self.secrets else { return std::iter::once(0..text.len()).collect() };
        let ranges = secrets.find_overlapping_iter(text).map(|found| found.range());
        ranges.filter(|range| range.len() >= SHORTEST_PART || is_word(text, range)).collect()
    }

    /// The values in a line of YAML that are not known to be harmless.
    fn values(&self, line: &str, trusted: bool) -> Vec<Range<usize>> {
        let mut hidden = Vec::new();
        let mut harmless = trusted;
        for token in tokens(line) {
            let Some(text) = line.get(token.clone()) else { continue };
            let after = line.get(token.end..).unwrap_or_default();
            if is_key(after) {
                harmless = self.harmless.contains(&text.trim_matches(['"', '\'']));
            } else if !harmless && !is_reference(text) {
                hidden.push(token);
            }
        }
        hidden
    }
}

fn is_word(text: &str, range: &Range<usize>) -> bool {
    let (before, after) = (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
    !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
}

/// A token is a key if a colon follows and then a space or the end.
fn is_key(after: &str) -> bool {
    after.trim_start().strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
}

/// `${NAME}` and `${file:/path}` name a secret and do not hold one; `${NAME:-default}` may.
fn is_reference(text: &str) -> bool {
    let text = text.trim().trim_matches(['"', '\'']);
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(|inside| !inside.contains(":-") && !inside.contains('}'))
}

/// The scalars of a line, comments included: what stands between YAML's punctuation.
fn tokens(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut reference = false;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_blank = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let inside = quote.is_some() || reference;
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
        } else if reference {
            reference = c != '}';
        } else if c == '$' && chars.peek().is_some_and(|(_, next)| *next == '{') {
            reference = true;
        } else if start.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        let ends = !inside && (matches!(c, '{' | '}' | '[' | ']' | ',') || (c == ':' && next_blank));
        let dash = start.is_none() && c == '-' && next_blank;
        match (start, ends && !reference) {
            (Some(from), true) => {
                found.push(from..at);
                start = None;
            }
            (None, false) if !c.is_whitespace() && !dash => start = Some(at),
            _ => {}
        }
    }
    found.extend(start.map(|from| from..line.len()));
    found
}

/// What looks like a vendor's key, and the user and query of a URL.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, word) in words(text) {
        for prefix in PREFIXES {
            for (from, _) in word.match_indices(prefix) {
                let rest = word.get(from..).unwrap_or_default();
                let length = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '+' | '/' | '=')))
                    .unwrap_or(rest.len());
                let starts = word.get(..from).is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()));
                if starts && length >= prefix.len() + 5 {
                    found.push(at + from..at + from + length);
                }
            }
        }
        if let Some(from) = word.find("://").map(|from| from + 3) {
            let rest = word.get(from..).unwrap_or_default();
            if let Some(user) = rest.rfind('@') {
                found.push(at + from..at + from + user);
            }
            if let Some(query) = rest.find(['?', '#']) {
                found.push(at + from + query + 1..at + word.len());
            }
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let separator = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | '{' | '}');
    let mut next = 0;
    text.split_inclusive(separator).map(move |word| {
        let at = next;
        next += word.len();
        (at, word.trim_end_matches(separator))
    })
}

/// Replaces the ranges; returns where the byte `at` went. Control characters are replaced too: they could move a terminal's cursor.
fn replace(text: &str, mut ranges: Vec<Range<usize>>, at: usize) -> (String, usize) {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let (mut shown, mut hidden_to, mut moved) = (String::with_capacity(text.len()), 0, None);
    for (offset, c) in text.char_indices() {
        if moved.is_none() && offset >= at {
            moved = Some(shown.len());
        }
        while let Some(range) = ranges.next_if(|range| range.start <= offset) {
            if range.start >= hidden_to {
                if moved.is_none() && range.contains(&at) {
                    moved = Some(shown.len());
                }
                shown.push_str(SHOWN);
            }
            hidden_to = hidden_to.max(range.end);
        }
        if offset >= hidden_to {
            shown.push(if c.is_control() && c != '\t' { '\u{fffd}' } else { c });
        }
    }
    let moved = moved.unwrap_or(shown.len());
    (shown, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let known = ["api_key", "type", "base_url", "providers", "model", "models", "provider", "name", "key"];
        Mask::new(vec!["canary-from-env".into(), "abc".into()], known.into_iter())
    }

    fn line(text: &str) -> String {
        mask().line(text, 0, true).0
    }

    #[test]
    fn values_of_secret_and_unknown_keys_are_hidden() {
        assert_eq!(line("    api_key: canary"), "    api_key: ***");
        assert_eq!(line("    api_keey: canary"), "    api_keey: ***");
        assert_eq!(line("    api_key: \"can: ary, {x}\""), "    api_key: ***");
        assert_eq!(line("  - {name: ops, key: 'canary', models: [a, b]}"), "  - {name: ops, key: ***, models: [a, b]}");
        assert_eq!(line("  headers: {x-team: canary}"), "  headers: {x-team: ***}");
        assert_eq!(line("  main: {type: openai, api_key: canary}"), "  main: {type: openai, api_key: ***}");
        assert_eq!(line("\"api_key\": canary"), "\"api_key\": ***");
        assert_eq!(line("api_key : canary # note"), "api_key : ***");
    }

    #[test]
    fn harmless_values_and_references_are_shown() {
        assert_eq!(line("    type: opnai"), "    type: opnai");
        assert_eq!(line("    api_key: ${OPENAI_API_KEY}"), "    api_key: ${OPENAI_API_KEY}");
        assert_eq!(line("  x: {type: openai, api_key: \"${KEY}\"}"), "  x: {type: openai, api_key: \"${KEY}\"}");
        assert_eq!(line("    api_key: ${KEY:-canary}"), "    api_key: ***");
        assert_eq!(line("  - gpt-4o"), "  - gpt-4o");
    }

    #[test]
    fn text_without_a_key_is_hidden_unless_trusted() {
        assert_eq!(mask().line("      canary", 0, false).0, "      ***");
        assert_eq!(mask().line("      - canary", 0, false).0, "      - ***");
    }

    #[test]
    fn what_was_resolved_or_looks_like_a_key_is_hidden_everywhere() {
        assert_eq!(line("type: canary-from-env"), "type: ***");
        assert_eq!(mask().text("`canary-from-env` and `abc` and `sk-proj-12345`"), "`***` and `abc` and `***`");
        assert_eq!(line("base_url: https://me:canary@host/v1?key=canary"), "base_url: https://***@host/v1?***");
        assert_eq!(mask().text("`task-force` is no type"), "`task-force` is no type");
    }

    #[test]
    fn the_caret_follows() {
        assert_eq!(mask().line("{api_key: canary, type: x}", 18, true), ("{api_key: ***, type: x}".into(), 15));
        assert_eq!(mask().line("api_key: canary", 12, true), ("api_key: ***".into(), 9));
        assert_eq!(mask().line("type: é", 6, true), ("type: é".into(), 6));
        assert_eq!(mask().line("type", 9, true), ("type".into(), 4));
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(mask().text("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}

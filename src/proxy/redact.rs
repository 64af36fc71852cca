//! A vendor's words on their way to a client: no keys, no hosts, no more than 2 KiB.

use std::borrow::Cow;

const MAX_MESSAGE: usize = 2048;

/// Cuts and masks a vendor's message. `secrets` are masked wherever they stand; so is what looks like a key or a URL's host.
pub(super) fn message<'a>(text: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
        if text.contains(*secret) {
            text = Cow::Owned(text.replace(secret, "***"));
        }
    }
    if text.split(is_boundary).any(looks_like_key) {
        let masked: Vec<String> = split_keeping(&text)
            .map(|(word, end)| if looks_like_key(word) { format!("***{end}") } else { format!("{word}{end}") })
            .collect();
        text = Cow::Owned(masked.concat());
    }
    if text.len() > MAX_MESSAGE {
        let cut = (0..=MAX_MESSAGE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text = Cow::Owned(format!("{}…", text.get(..cut).unwrap_or_default()));
    }
    text
}

fn is_boundary(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ':' | '(' | ')' | '<' | '>' | '=' | '{' | '}' | '[' | ']')
}

fn split_keeping(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_inclusive(is_boundary).map(|piece| {
        let end = piece.chars().next_back().filter(|c| is_boundary(*c)).map_or(0, char::len_utf8);
        piece.split_at(piece.len() - end)
    })
}

/// The prefixes vendors give their keys, followed by enough to be one.
fn looks_like_key(word: &str) -> bool {
    const PREFIXES: [&str; 9] = ["sk-", "sk_", "gsk_", "xai-", "AIza", "AKIA", "hf_", "pplx-", "r8_"];
    word.len() >= 16 && PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_masked_and_the_rest_stays() {
        let text = "Incorrect API key provided: sk-proj-0123456789abcdef. Your key is `our-key-1`.";
        assert_eq!(message(text, &["our-key-1"]), "Incorrect API key provided: *** Your key is `***`.");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let cut = message(&"é".repeat(3000), &[]).into_owned();
        assert!(cut.len() <= MAX_MESSAGE + 3 && cut.ends_with('…'));
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(message("model not found", &["key"]), Cow::Borrowed(_)));
    }
}

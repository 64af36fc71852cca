//! Finds its way in JSON text that is known to be valid, many times faster than a parser that has to check it. Text that is not
//! valid gives `None` or a wrong place, never a panic: only what a parser has accepted belongs here.

mod places;
mod quotes;
mod window;
pub mod write;

use std::ops::Range;

use memchr::memchr2;

pub use places::{Flaw, Places, Siblings};

/// The members of an object: the places of each one's key (as it is written, escapes and all, without the quotes) and value.
pub fn members(object: &[u8]) -> Members<'_> {
    Members { text: object, at: opened(object, b'{') }
}

/// The places of a list's items.
pub fn items(list: &[u8]) -> Items<'_> {
    Items { text: list, at: opened(list, b'[') }
}

/// See [`members`].
pub struct Members<'a> {
    text: &'a [u8],
    /// Behind the last member; `None` at the end.
    at: Option<usize>,
}

impl Iterator for Members<'_> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let quote = separated(self.text, self.at.take()?);
        if self.text.get(quote) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(self.text, quote)?;
        let colon = blank_end(self.text, key_end);
        let start = blank_end(self.text, colon + 1);
        let end = value_end(self.text, start)?;
        self.at = Some(end);
        Some((quote + 1..key_end - 1, start..end))
    }
}

/// See [`items`].
pub struct Items<'a> {
    text: &'a [u8],
    at: Option<usize>,
}

impl Iterator for Items<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = separated(self.text, self.at.take()?);
        if matches!(self.text.get(start), None | Some(b']')) {
            return None;
        }
        let end = value_end(self.text, start)?;
        self.at = Some(end);
        Some(start..end)
    }
}

/// The offset behind the bracket that the text begins with.
fn opened(text: &[u8], bracket: u8) -> Option<usize> {
    let at = blank_end(text, 0);
    (text.get(at) == Some(&bracket)).then_some(at + 1)
}

/// The next member's or item's offset: behind blanks and the comma.
fn separated(text: &[u8], at: usize) -> usize {
    let at = blank_end(text, at);
    if text.get(at) == Some(&b',') { blank_end(text, at + 1) } else { at }
}

fn blank_end(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The offset behind the value at `at`.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => return string_end(text, at),
        b'{' | b'[' => {}
        _ => {
            let rest = text.get(at..)?;
            let length = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
            return Some(at + length.unwrap_or(rest.len()));
        }
    }
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The offset behind the string whose first quote is at `quote`.
fn string_end(text: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        at += special(text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The offset of the next quote or backslash. Names and most values are short, and so is what lies between two escapes: up to four words
/// of eight bytes are looked at before a search begins that takes as long to prepare.
fn special(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    // The lowest bit that is set belongs to a byte of 0; above it bytes of 1 may have one, too.
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let mut at = 0;
    while at < 32
        && let Some(word) = text.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    {
        let found = zero_bytes(word ^ (ONES * u64::from(b'"'))) | zero_bytes(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr2(b'"', b'\\', text.get(at..)?).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Any JSON value of a modest size.
    pub(super) fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn parts(text: &str) -> Vec<(&str, &str)> {
        members(text.as_bytes()).map(|(key, place)| (&text[key], &text[place])).collect()
    }

    #[test]
    fn members_and_items_are_found() {
        let text = r#" { "a" : 1.5e3 ,"b\"}":"x\\\"}]", "c":{"d":[1,{"e":"]"}]} ,"f":[ ] ,"g":null}"#;
        let expected = [("a", "1.5e3"), (r#"b\"}"#, r#""x\\\"}]""#), ("c", r#"{"d":[1,{"e":"]"}]}"#), ("f", "[ ]"), ("g", "null")];
        assert_eq!(parts(text), expected);
        let list = r#" [ "a,]" , {"b":[1,2]} , true,-1 , [] ]"#;
        let found: Vec<&str> = items(list.as_bytes()).map(|place| &list[place]).collect();
        assert_eq!(found, ["\"a,]\"", "{\"b\":[1,2]}", "true", "-1", "[]"]);
        assert!(parts("{}").is_empty() && parts("[1]").is_empty() && items(b" [ ] ").next().is_none());
    }

    proptest! {
        #[test]
        fn the_next_quote_or_backslash_is_found(text in prop::collection::vec(prop_oneof![9 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(b'#')], 0..80)) {
            prop_assert_eq!(special(&text), text.iter().position(|byte| matches!(byte, b'"' | b'\\')));
        }
    }

    #[test]
    fn text_that_is_cut_ends_the_walk() {
        let text = br#"{"a":{"b":["x\"y",1]},"c":"d","e":[{}]}"#;
        for end in 0..text.len() {
            let cut = text.get(..end).unwrap();
            assert!(members(cut).count() <= 3);
            assert!(items(cut).next().is_none());
        }
    }
}

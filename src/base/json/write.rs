//! Writes JSON objects member by member, for lines that are written with each request. What reads it back is any JSON parser.
//!
//! One loop writes all members. Code of their own for each would take fewer instructions and more time: a request goes through it once,
//! so that what counts is how many lines of the processor's instruction cache it takes.

use std::time::Duration;

use crate::base::decimals::decimals;

/// The value of a member.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Null,
    Flag(bool),
    /// A count.
    Number(u64),
    /// So many thousandths, as a number with up to three decimals.
    Thousandths(u64),
    /// A text that needs no escapes: a word of a closed set, a time, an id.
    Word(&'a [u8]),
    Text(&'a str),
    Texts(&'a [String]),
}

impl<'a> Value<'a> {
    /// [`Value::Word`]
    pub fn word(word: &'a str) -> Self {
        Self::Word(word.as_bytes())
    }

    /// A word, `null` where there is none.
    pub fn maybe_word(word: Option<&'a str>) -> Self {
        word.map_or(Self::Null, Self::word)
    }

    /// A text, `null` where there is none.
    pub fn maybe_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    /// A count, `null` where there is none.
    pub fn maybe_number(number: Option<u64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }

    /// In milliseconds.
    pub fn milliseconds(time: Duration) -> Self {
        Self::Thousandths(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Writes members. The name of each is all that stands before its value: brace or comma, the name in quotes, the colon.
pub fn members<const N: usize>(out: &mut Vec<u8>, names: &[&'static str; N], values: &[Value<'_>; N]) {
    write(out, names, values);
}

#[inline(never)]
fn write(out: &mut Vec<u8>, names: &[&'static str], values: &[Value<'_>]) {
    for (name, value) in names.iter().zip(values) {
        out.extend_from_slice(name.as_bytes());
        match *value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            Value::Number(number) => digits(out, number),
            Value::Thousandths(thousandths) => {
                digits(out, thousandths / 1000);
                let mut places = [0; 3];
                let part = decimals(thousandths % 1000, &mut places);
                if !part.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(part);
                }
            }
            Value::Word(word) => quoted(out, word),
            Value::Text(text) => string(out, text),
            Value::Texts(texts) => list(out, texts),
        }
    }
}

fn list(out: &mut Vec<u8>, texts: &[String]) {
    out.push(b'[');
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        string(out, text);
    }
    out.push(b']');
}

/// Nearly all texts are written as they are, which is seen sixteen bytes at a time: a fold has no early end that would forbid it.
fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == b'"') | (byte == b'\\')) {
        // Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(out, text);
        return;
    }
    quoted(out, text.as_bytes());
}

fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn digits(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_written_as_a_serializer_writes_them(
            text in prop_oneof![any::<String>(), "[ -~\u{0}-\u{1f}\"\\\\\u{7f}é]*"], count in prop_oneof![any::<u64>(), 0_u64..1200]
        ) {
            let mut out = Vec::new();
            let names = ["{\"a\":", ",\"b\":", ",\"c\":", ",\"d\":", ",\"e\":", ",\"f\":", ",\"g\":", ",\"h\":"];
            let texts = [text.clone(), String::new()];
            let values = [
                Value::Text(&text),
                Value::maybe_text(None),
                Value::Number(count),
                Value::Flag(true),
                Value::Texts(&[]),
                Value::maybe_number(None),
                Value::Texts(&texts),
                Value::word("w"),
            ];
            members(&mut out, &names, &values);
            out.push(b'}');
            let quoted = serde_json::to_string(&text).unwrap();
            let expected = format!(r#"{{"a":{quoted},"b":null,"c":{count},"d":true,"e":[],"f":null,"g":[{quoted},""],"h":"w"}}"#);
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn milliseconds_have_up_to_three_decimals(micros in 0_u64..2_000_000) {
            let mut out = Vec::new();
            members(&mut out, &[""], &[Value::milliseconds(Duration::from_micros(micros))]);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!((serde_json::from_str::<f64>(&text).unwrap() * 1e3).round() as u64, micros);
            prop_assert!(!text.contains('.') || !text.ends_with('0'), "{}", text);
        }
    }
}

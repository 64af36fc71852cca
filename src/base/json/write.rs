//! Writes JSON objects member by member, for lines that are written with each request. What reads it back is any JSON parser.
//!
//! The `name` of a member is all that stands before its value: brace or comma, the name in quotes, the colon. The functions are small and
//! inlined, so that names are copied as constants; they call what writes the value.

use std::io::Write;
use std::time::Duration;

use super::window::{BLOCK, specials};
use crate::base::decimals::decimals;

/// A text.
#[inline]
pub fn text(out: &mut Vec<u8>, name: &'static str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    string(out, value);
}

/// A text that needs no escapes: a word of a closed set, a time, an id.
#[inline]
pub fn word(out: &mut Vec<u8>, name: &'static str, value: impl AsRef<[u8]>) {
    out.extend_from_slice(name.as_bytes());
    quoted(out, value.as_ref());
}

/// The same, `null` where there is none.
#[inline]
pub fn maybe_word(out: &mut Vec<u8>, name: &'static str, value: Option<impl AsRef<[u8]>>) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => quoted(out, value.as_ref()),
        None => out.extend_from_slice(b"null"),
    }
}

/// A text, `null` where there is none.
#[inline]
pub fn maybe_text(out: &mut Vec<u8>, name: &'static str, value: Option<&str>) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => string(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// A count.
#[inline]
pub fn number(out: &mut Vec<u8>, name: &'static str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    digits(out, value);
}

/// The same, `null` where there is none.
#[inline]
pub fn maybe_number(out: &mut Vec<u8>, name: &'static str, value: Option<u64>) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => digits(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// `true` or `false`.
#[inline]
pub fn flag(out: &mut Vec<u8>, name: &'static str, value: bool) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Milliseconds with up to three decimals, `null` where there are none.
#[inline]
pub fn milliseconds(out: &mut Vec<u8>, name: &'static str, value: Option<Duration>) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => thousandths(out, value.as_micros()),
        None => out.extend_from_slice(b"null"),
    }
}

/// A list of texts.
pub fn texts(out: &mut Vec<u8>, name: &'static str, values: &[String]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'[');
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        string(out, value);
    }
    out.push(b']');
}

/// Writes a text in quotes. What has to be escaped is looked for in many bytes at a time.
pub fn string(out: &mut Vec<u8>, value: &str) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    let (blocks, rest) = value.as_bytes().as_chunks();
    for block in blocks {
        escaped(out, block, BLOCK);
    }
    let mut padded = [b' '; BLOCK];
    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    escaped(out, &padded, rest.len());
    out.push(b'"');
}

/// Writes the first bytes of a block.
fn escaped(out: &mut Vec<u8>, block: &[u8; BLOCK], length: usize) {
    let (mut specials, mut from) = (specials(block), 0);
    while specials != 0 {
        let at = specials.trailing_zeros() as usize;
        out.extend_from_slice(block.get(from..at).unwrap_or_default());
        escape(out, block.get(at).copied().unwrap_or_default());
        from = at + 1;
        specials &= specials - 1;
    }
    out.extend_from_slice(block.get(from..length).unwrap_or_default());
}

/// As serde_json writes it.
fn escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    out.extend_from_slice(value);
    out.push(b'"');
}

fn digits(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        // Most of a record's counts are 0.
        Ok(value @ ..10) => out.push(b'0' + value),
        _ => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

fn thousandths(out: &mut Vec<u8>, value: u128) {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    digits(out, value / 1000);
    if value % 1000 > 0 {
        out.push(b'.');
        out.extend_from_slice(decimals(value % 1000, &mut [0; 3]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_written_as_a_serializer_writes_them(
            value in prop_oneof![any::<String>(), ".{0,200}", "[ -~\u{0}-\u{1f}\"\\\\\u{7f}é]{0,200}"], count in prop_oneof![any::<u64>(), 0_u64..1200]
        ) {
            let mut out = Vec::new();
            text(&mut out, "{\"a\":", &value);
            maybe_text(&mut out, ",\"b\":", None);
            number(&mut out, ",\"c\":", count);
            flag(&mut out, ",\"d\":", true);
            texts(&mut out, ",\"e\":", &[]);
            texts(&mut out, ",\"g\":", &[value.clone(), String::new()]);
            maybe_number(&mut out, ",\"f\":", None);
            out.push(b'}');
            let expected = format!(r#"{{"a":{0},"b":null,"c":{count},"d":true,"e":[],"g":[{0},""],"f":null}}"#, serde_json::to_string(&value).unwrap());
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn milliseconds_have_up_to_three_decimals(micros in 0_u64..2_000_000) {
            let mut out = Vec::new();
            milliseconds(&mut out, "", Some(Duration::from_micros(micros)));
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!((serde_json::from_str::<f64>(&text).unwrap() * 1e3).round() as u64, micros);
            prop_assert!(!text.contains('.') || !text.ends_with('0'), "{}", text);
        }
    }
}

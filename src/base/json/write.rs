//! Writes JSON objects member by member, for lines that are written with each request. What reads it back is any JSON parser.

use serde::Serialize;

/// A member whose value is a text. `name` is all that stands before the value: brace or comma, the name in quotes, the colon.
pub fn text(out: &mut Vec<u8>, name: &'static str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    string(out, value);
}

/// The same, `null` where there is none.
pub fn maybe_text(out: &mut Vec<u8>, name: &'static str, value: Option<&str>) {
    match value {
        Some(value) => text(out, name, value),
        None => member(out, name, &()),
    }
}

/// A member whose value is anything else.
pub fn member(out: &mut Vec<u8>, name: &'static str, value: &impl Serialize) {
    out.extend_from_slice(name.as_bytes());
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// Nearly all texts are written as they are, which is seen sixteen bytes at a time: a fold has no early end that would forbid it.
fn string(out: &mut Vec<u8>, value: &str) {
    if value.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == b'"') | (byte == b'\\')) {
        let _ = serde_json::to_writer(out, value);
        return;
    }
    out.reserve(value.len() + 2);
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_written_as_a_serializer_writes_them(value in prop_oneof![any::<String>(), "[ -~\u{0}-\u{1f}\"\\\\\u{7f}é]*"]) {
            let mut out = Vec::new();
            text(&mut out, "{\"a\":", &value);
            maybe_text(&mut out, ",\"b\":", None);
            member(&mut out, ",\"c\":", &1.5);
            out.push(b'}');
            let expected = format!("{{\"a\":{},\"b\":null,\"c\":1.5}}", serde_json::to_string(&value).unwrap());
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

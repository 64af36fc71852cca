//! One pass over a client's JSON text for what the parser lets through where it skips a value: nesting without a bound,
//! lone surrogates, numbers beyond every range. Well-formedness itself is the parser's business.

use memchr::memchr2;

/// The deepest nesting that is accepted.
const MAX_DEPTH: u32 = 128;

/// What is wrong and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    pub what: &'static str,
    pub at: usize,
}

/// The first flaw of a JSON text.
pub fn flaw(text: &[u8]) -> Option<Flaw> {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => match string(text, at + 1) {
                Ok(end) => at = end,
                Err(flaw) => return Some(flaw),
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(Flaw { what: "nested too deeply", at });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let end = number_end(text, at);
                if is_huge(text.get(at..end).unwrap_or_default()) {
                    return Some(Flaw { what: "number out of range", at });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The offset of the quote that ends the string starting at `at`, or of the text's end.
fn string(text: &[u8], mut at: usize) -> Result<usize, Flaw> {
    while let Some(skip) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += skip;
        if text.get(at) == Some(&b'"') {
            return Ok(at);
        }
        match unit(text, at) {
            None => at += 2,
            Some(0xD800..=0xDBFF) => match unit(text, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return Err(lone(at)),
            },
            Some(0xDC00..=0xDFFF) => return Err(lone(at)),
            Some(_) => at += 6,
        }
    }
    Ok(text.len())
}

fn lone(at: usize) -> Flaw {
    Flaw { what: "lone surrogate in a string", at }
}

/// The UTF-16 unit of a `\uXXXX` at `at`.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let escape = text.get(at..at + 6)?;
    let hex = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn number_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).unwrap_or(rest.len());
    at + length
}

/// Only an exponent or hundreds of digits lead out of the range of a double.
fn is_huge(number: &[u8]) -> bool {
    if number.len() < 300 && !number.iter().any(|b| matches!(b, b'e' | b'E')) {
        return false;
    }
    let parsed = std::str::from_utf8(number).ok().and_then(|text| text.parse::<f64>().ok());
    parsed.is_some_and(|value| !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_found_with_their_place() {
        for (text, expected) in [
            (r#"{"a":"\ud83d\ude00 \\ud800"}"#, None),
            (r#"{"a":"x\ud800"}"#, Some(("lone surrogate in a string", 7))),
            (r#"{"a":"\udc00"}"#, Some(("lone surrogate in a string", 6))),
            (r#"{"a":"\ud800A"}"#, Some(("lone surrogate in a string", 6))),
            (r#"{"a":1e308,"b":[-1.5E+2],"c":true}"#, None),
            (r#"{"a":1e999}"#, Some(("number out of range", 5))),
            (r#"{"a":"1e999 [[["}"#, None),
            (r#"{"a":"unfinished"#, None),
            (r#"{"a":"\u12"#, None),
        ] {
            assert_eq!(flaw(text.as_bytes()).map(|flaw| (flaw.what, flaw.at)), expected, "{text}");
        }
        assert_eq!(flaw("[".repeat(129).as_bytes()).map(|flaw| flaw.at), Some(128));
        assert_eq!(flaw(("[".repeat(128) + &"]".repeat(128)).as_bytes()), None);
        assert!(flaw(format!("[{}]", "9".repeat(400)).as_bytes()).is_some());
    }
}

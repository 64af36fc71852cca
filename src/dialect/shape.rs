//! Reading JSON for its shape alone: no tree, no copies, yet every value is checked (nesting, escapes, number range).
//! serde's own `IgnoredAny` skips values unchecked, which would let broken text through to a vendor.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::chat::ApiError;

/// A value that is neither an array nor an object.
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Uint(u64),
    /// Negative or with a fraction.
    Number,
    Text(&'a str),
}

/// What to make of a JSON value of any kind.
pub(super) trait Shape: Sized {
    fn scalar(value: Scalar<'_>) -> Self;
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error>;
    fn object<'de, A: MapAccess<'de>>(fields: A) -> Result<Self, A::Error>;
}

/// Reads a value of any kind.
pub(super) fn read<'de, S: Shape, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    deserializer.deserialize_any(AnyKind(PhantomData))
}

struct AnyKind<S>(PhantomData<S>);

impl<'de, S: Shape> Visitor<'de> for AnyKind<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<S, E> {
        Ok(S::scalar(Scalar::Null))
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<S, E> {
        Ok(S::scalar(Scalar::Bool(value)))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<S, E> {
        Ok(S::scalar(Scalar::Uint(value)))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<S, E> {
        Ok(S::scalar(Scalar::Number))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<S, E> {
        Ok(S::scalar(Scalar::Number))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<S, E> {
        Ok(S::scalar(Scalar::Text(value)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<S, A::Error> {
        S::array(items)
    }
    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<S, A::Error> {
        S::object(fields)
    }
}

/// A value that only has to be valid.
pub(super) struct Checked;

impl Shape for Checked {
    fn scalar(_: Scalar<'_>) -> Self {
        Self
    }
    fn array<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(Self)
    }
    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
        while fields.next_entry::<Self, Self>()?.is_some() {}
        Ok(Self)
    }
}

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

/// A top-level field whose type and value are judged later.
#[derive(Debug, PartialEq)]
pub(super) enum Field {
    Null,
    Bool(bool),
    Uint(u64),
    Number,
    Text(String),
    Nested,
}

impl Shape for Field {
    fn scalar(value: Scalar<'_>) -> Self {
        match value {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Uint(value) => Self::Uint(value),
            Scalar::Number => Self::Number,
            Scalar::Text(value) => Self::Text(value.to_owned()),
        }
    }
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Checked::array(items).map(|_| Self::Nested)
    }
    fn object<'de, A: MapAccess<'de>>(fields: A) -> Result<Self, A::Error> {
        Checked::object(fields).map(|_| Self::Nested)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

/// The text of a body, or the 400 that says where it stops being UTF-8.
pub(super) fn utf8(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body)
        .map_err(|error| ApiError::invalid_json(format!("the request body is not valid UTF-8 at byte {}", error.valid_up_to())))
}

/// The 400 for a body that serde_json refused. Never quotes the body.
pub(super) fn json_error(body: &[u8], error: &serde_json::Error) -> ApiError {
    if let Some(name) = duplicate(error) {
        let message = format!("the field `{name}` is there twice");
        return ApiError::invalid("duplicate_field", name, message);
    }
    ApiError::invalid_json(format!("the request body is not valid JSON at byte {}", offset(body, error)))
}

/// The repeated key, where that is what [`crate::base::raw::RawObject`] objected to.
fn duplicate(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (name, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(name.chars().take(64).collect())
}

/// serde_json tells lines and columns, both from 1, columns in bytes.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        n => memchr::memchr_iter(b'\n', body).nth(n - 1).map_or(0, |at| at + 1),
    };
    (line_start + error.column().saturating_sub(1)).min(body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), serde_json::Error> {
        serde_json::from_str::<Checked>(text).map(|_| ())
    }

    #[test]
    fn every_value_is_checked_though_none_is_kept() {
        assert!(check(r#"{"a":[1,-2,3.5,"x\u00e9\ud83d\ude00",null,true,{}]}"#).is_ok());
        assert!(check(r#"{"a":"\ud800"}"#).is_err(), "a lone surrogate");
        assert!(check(r#"{"a":1e999}"#).is_err(), "a number out of range");
        assert!(check(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))).is_err(), "deep nesting");
    }

    #[test]
    fn errors_tell_the_byte_offset_across_lines() {
        let body = b"{\"a\": 1,\n\"b\": x}";
        let error = serde_json::from_slice::<serde_json::Value>(body).unwrap_err();
        assert_eq!(json_error(body, &error).message, "the request body is not valid JSON at byte 14");
    }
}

//! What the relay has to know of a chunk, found without building the chunk and without an allocation.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The parts of a chunk that matter to a relay.
#[derive(Debug, serde::Deserialize)]
pub struct Chunk<'a> {
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub usage: Option<&'a RawValue>,
    #[serde(default)]
    pub choices: Choices,
}

/// All choices of a chunk, summed up. Sets of choices are bit masks; a choice beyond the 63rd counts as the 63rd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    pub seen: u64,
    pub finished: u64,
    /// One of them says something.
    pub content: bool,
    /// How much they say, in bytes of JSON.
    pub said: usize,
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;

        impl<'de> Visitor<'de> for Sum {
            type Value = Choices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_unit<E>(self) -> Result<Choices, E> {
                Ok(Choices::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Choices, A::Error> {
                let mut sum = Choices::default();
                while let Some(choice) = seq.next_element::<Choice<'de>>()? {
                    let bit = 1 << choice.index.unwrap_or(0).min(63);
                    let finished = is_something(choice.finish_reason);
                    sum.seen |= bit;
                    sum.finished |= if finished { bit } else { 0 };
                    let said = choice.delta.map_or(0, |delta| delta.0) + length(choice.text);
                    sum.said += said;
                    sum.content |= finished || said > 0;
                }
                Ok(sum)
            }
        }

        deserializer.deserialize_any(Sum)
    }
}

#[derive(serde::Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    delta: Option<Delta>,
}

/// How much a delta says apart from its role, in bytes of JSON.
#[derive(Clone, Copy)]
struct Delta(usize);

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Delta;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a delta")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Delta, A::Error> {
                let mut said = 0;
                while let Some((key, value)) = map.next_entry::<Key, &'de RawValue>()? {
                    said += if key.speaks { length(Some(value)) } else { 0 };
                }
                Ok(Delta(said))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A delta's key, judged while it is read.
struct Key {
    speaks: bool,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key { speaks: super::message::SPEAKING.contains(&name) })
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}

/// Whether a value holds anything.
fn is_something(value: Option<&RawValue>) -> bool {
    value.is_some_and(|value| !matches!(value.get(), "null" | "\"\"" | "[]" | "{}" | "false"))
}

/// The length of a value without its quotes or brackets; 0 where it holds nothing.
fn length(value: Option<&RawValue>) -> usize {
    value.filter(|value| is_something(Some(value))).map_or(0, |value| value.get().len().saturating_sub(2).max(1))
}

impl<'a> Chunk<'a> {
    /// Reads a chunk, `None` where it is not a JSON object of a chunk's form.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        // A list would be taken for the fields in their order.
        data.starts_with(b"{").then(|| serde_json::from_slice(data).ok()).flatten()
    }

    /// The vendor reports an error.
    pub fn has_error(&self) -> bool {
        is_something(self.error)
    }

    /// The usage as an object.
    pub fn usage(&self) -> Option<&'a RawValue> {
        self.usage.filter(|usage| usage.get().starts_with('{'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(text: &str) -> Choices {
        Chunk::read(text.as_bytes()).unwrap().choices
    }

    #[test]
    fn roles_and_empty_text_are_no_content() {
        for (text, content) in [
            (r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#, false),
            (r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, true),
            (r#"{"choices":[{"index":0,"delta":{"reasoning":"a"}}]}"#, true),
            (r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}"#, true),
            (r#"{"choices":[{"index":0,"delta":{"tool_calls":[],"refusal":null}}]}"#, false),
            (r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, true),
            (r#"{"choices":[{"text":"a"}]}"#, true),
            (r#"{"choices":[]}"#, false),
            (r#"{"choices":null}"#, false),
            ("{}", false),
        ] {
            assert_eq!(choices(text).content, content, "{text}");
        }
    }

    #[test]
    fn finished_choices_are_counted() {
        let found = choices(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"x"}}]}"#);
        assert_eq!((found.seen, found.finished), (0b11, 0b01));
    }

    #[test]
    fn what_is_not_a_chunk_is_refused() {
        for bad in ["", "{", "[1]", "\"x\"", r#"{"choices":[{"index":0,"delta":{"content":"x""#, "{} x", "nul"] {
            assert!(Chunk::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

//! What the relay has to know of a whole answer, found without building it: that it is an ordinary one, and its usage.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::finish::{self, Word};
use super::usage;
use crate::chat::Usage;

/// The usage of an answer that is in every way as OpenAI's own are. `None` for one that needs a closer look, because it
/// reports an error, ended in an unknown way, has no usage, or is not an answer at all.
pub fn ordinary(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(default)]
        x_groq: Option<IgnoredAny>,
        #[serde(borrow)]
        usage: &'a RawValue,
        #[serde(rename = "choices")]
        _choices: Choices,
    }

    let text = std::str::from_utf8(body).ok()?;
    // A list would be taken for the fields in their order.
    let answer: Answer<'_> = text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()?;
    let silent = answer.error.is_none_or(|error| error.get() == "null") && answer.x_groq.is_none();
    if silent { usage::read_raw(answer.usage) } else { None }
}

/// Choices that are all ordinary; others fail to be read.
struct Choices;

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Choices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ordinary choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
                while let Some(choice) = list.next_element::<Choice<'de>>()? {
                    let finished = match choice.finish_reason {
                        None => true,
                        Some(word) => finish::word(word) == Word::Standard,
                    };
                    if !finished || choice.message.is_none() && choice.text.is_none() {
                        return Err(serde::de::Error::custom("not ordinary"));
                    }
                }
                Ok(Choices)
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    message: Option<Object>,
    #[serde(default)]
    text: Option<IgnoredAny>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a str>,
}

/// An object, whatever is in it.
struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: &str = r#""usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#;

    fn prompt(fields: &str) -> Option<u64> {
        ordinary(format!("{{{fields}}}").as_bytes()).map(|usage| usage.prompt)
    }

    #[test]
    fn ordinary_answers_are_told_from_others() {
        let message = r#""choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]"#;
        assert_eq!(prompt(&format!("{message},{USAGE}")), Some(3));
        assert_eq!(prompt(&format!(r#""error":null,"choices":[{{"text":"a","finish_reason":null}}],{USAGE}"#)), Some(3));
        for other in [
            message.to_owned(),
            format!(r#"{message},"usage":null"#),
            format!(r#"{message},"usage":{{"total_tokens":7}}"#),
            format!(r#"{message},{USAGE},"error":"x""#),
            format!(r#"{message},{USAGE},"x_groq":{{}}"#),
            format!(r#"{},{USAGE}"#, message.replace("stop", "eos")),
            format!(r#"{},{USAGE}"#, message.replace("stop", "error")),
            format!(r#""choices":[{{"finish_reason":"stop"}}],{USAGE}"#),
            format!(r#""choices":[{{"message":"a"}}],{USAGE}"#),
            format!(r#""choices":{{}},{USAGE}"#),
            format!(r#"{message},{USAGE},"#),
            USAGE.to_owned(),
        ] {
            assert_eq!(prompt(&other), None, "{other}");
        }
    }
}

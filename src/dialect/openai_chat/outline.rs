//! What the relay has to know of a whole answer, found without building it: that it is an ordinary one, and its usage.

use std::ops::Range;

use super::finish::{self, Word};
use super::usage;
use crate::base::json::Places;
use crate::base::service_tier::ServiceTier;
use crate::chat::Usage;

/// Down to the numbers in `usage.prompt_tokens_details`.
const DEPTH: u32 = 3;

/// The usage of an answer that is in every way as OpenAI's own are. `None` for one that needs a closer look, because it
/// reports an error, ended in an unknown way, has no usage, or is not an answer at all.
pub fn ordinary(body: &[u8]) -> Option<Usage> {
    let (text, places) = Places::read(body, DEPTH).ok()?;
    let answer = Answer { text, places: &places };
    // A list has places, too.
    if !answer.text.trim_start().starts_with('{') {
        return None;
    }
    let (mut usage, mut choices, mut tier) = (None, None, ServiceTier::default());
    for (index, key, value) in places.outermost() {
        let value = answer.text.get(value)?;
        match answer.key(key)? {
            "error" if value != "null" => return None,
            "x_groq" => return None,
            "usage" if usage.is_none() => usage = Some((index, value)),
            "choices" if choices.is_none() && value.starts_with('[') => choices = Some(index),
            "usage" | "choices" => return None,
            "service_tier" => tier = value.strip_prefix('"').and_then(|word| word.strip_suffix('"')).map_or(tier, ServiceTier::of),
            _ => {}
        }
    }
    let all_ordinary = places.within(choices?).all(|(choice, ..)| answer.is_ordinary(choice));
    let (index, text) = usage.filter(|_| all_ordinary)?;
    let usage = usage::standard(answer.text, &places, places.within(index)).or_else(|| usage::read_text(text))?;
    Some(Usage { tier, ..usage })
}

struct Answer<'a> {
    text: &'a str,
    places: &'a Places,
}

impl<'a> Answer<'a> {
    /// A name as it is written. One that is spelt with escapes could be any.
    fn key(&self, place: Range<usize>) -> Option<&'a str> {
        self.text.get(place).filter(|key| !key.contains('\\'))
    }

    /// The members of an object, each at most once.
    fn members(&self, index: usize) -> impl Iterator<Item = Option<(usize, &'a str, &'a str)>> {
        self.places.within(index).map(|(index, key, value)| Some((index, self.key(key)?, self.text.get(value)?)))
    }

    /// A choice that has said something and ended, if it has, as OpenAI's do.
    fn is_ordinary(&self, choice: usize) -> bool {
        let (mut said, mut finished) = (false, None);
        for member in self.members(choice) {
            match member {
                None => return false,
                Some((_, "message", value)) if value.starts_with('{') => said = true,
                Some((_, "message", value)) if value != "null" => return false,
                Some((_, "text", value)) => said |= value != "null",
                Some((_, "finish_reason", word)) if finished.is_none() => finished = Some(word),
                Some((_, "finish_reason", _)) => return false,
                Some(_) => {}
            }
        }
        said && finished.is_none_or(|word| {
            let standard = || finish::word(word.strip_prefix('"')?.strip_suffix('"')?).eq(&Word::Standard).then_some(());
            word == "null" || standard().is_some()
        })
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

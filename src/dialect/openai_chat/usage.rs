//! Token counts: reads every vendor's form of the `usage` object, brings it into OpenAI's sense, and writes it.

use std::ops::Range;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::base::json::{Places, Siblings};
use crate::chat::Usage;

/// Reads a `usage` object's text. `None` where it counts nothing.
pub fn read_raw(raw: &RawValue) -> Option<Usage> {
    let own = |places: Places| standard(raw.get(), &places, places.outermost());
    Places::of(raw.get(), 2).ok().and_then(own).or_else(|| read_text(raw.get()))
}

/// The same for one that is not in OpenAI's own form.
pub fn read_text(text: &str) -> Option<Usage> {
    serde_json::from_str::<Value>(text).ok().as_ref().and_then(read)
}

/// Reads the members of a `usage` object that is in OpenAI's own form; `None` for any other. `places` are those of `text`.
pub fn standard(text: &str, places: &Places, members: Siblings<'_>) -> Option<Usage> {
    let at = |place: Range<usize>| text.get(place);
    let (mut prompt, mut completion, mut total) = (None, None, None);
    let mut details = Usage::default();
    for (index, key, value) in members {
        let (key, value) = (at(key)?, at(value)?);
        match key {
            "prompt_tokens" => prompt = Some(value.parse().ok()?),
            "completion_tokens" => completion = Some(value.parse().ok()?),
            "total_tokens" => total = Some(value.parse().ok()?),
            "prompt_tokens_details" | "completion_tokens_details" if value.starts_with('{') => {
                for (_, name, value) in places.within(index) {
                    let value = at(value)?;
                    *detail(&mut details, key, at(name)?)? = if value == "null" { None } else { Some(value.parse().ok()?) };
                }
            }
            "prompt_tokens_details" | "completion_tokens_details" if value == "null" => {}
            _ => return None,
        }
    }
    let (prompt, completion): (u64, u64) = (prompt?, completion?);
    let beside = counts_reasoning_beside(prompt, completion, details.reasoning, Some(total?));
    Some(Usage { prompt, completion: completion + if beside { details.reasoning.unwrap_or(0) } else { 0 }, ..details })
}

/// The place of a count in one of the two objects of details; `None` for one that OpenAI does not have.
fn detail<'u>(usage: &'u mut Usage, details: &str, name: &str) -> Option<&'u mut Option<u64>> {
    Some(match (details, name) {
        ("prompt_tokens_details", "cached_tokens") => &mut usage.cached,
        ("prompt_tokens_details", "audio_tokens") => &mut usage.audio_in,
        ("completion_tokens_details", "reasoning_tokens") => &mut usage.reasoning,
        ("completion_tokens_details", "audio_tokens") => &mut usage.audio_out,
        ("completion_tokens_details", "accepted_prediction_tokens") => &mut usage.accepted_prediction,
        ("completion_tokens_details", "rejected_prediction_tokens") => &mut usage.rejected_prediction,
        _ => return None,
    })
}

/// Reads a `usage` object. `None` where it counts nothing.
pub fn read(raw: &Value) -> Option<Usage> {
    raw.as_object().and_then(read_object)
}

/// The same for the object itself.
pub fn read_object(usage: &Map<String, Value>) -> Option<Usage> {
    let count = |key: &str| usage.get(key).and_then(number);
    let within = |details: &str, key: &str| usage.get(details).and_then(|inner| inner.get(key)).and_then(number);
    let (prompt, completion) = (count("prompt_tokens"), count("completion_tokens"));
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let (prompt, mut completion) = (prompt.unwrap_or(0), completion.unwrap_or(0));
    let reasoning = within("completion_tokens_details", "reasoning_tokens");
    if counts_reasoning_beside(prompt, completion, reasoning, count("total_tokens")) {
        completion += reasoning.unwrap_or(0);
    }
    Some(Usage {
        prompt,
        completion,
        cached: cached(usage),
        cache_write: within("prompt_tokens_details", "cache_write_tokens")
            .or_else(|| within("prompt_tokens_details", "cache_creation_input_tokens"))
            .or_else(|| count("cache_creation_input_tokens")),
        cache_write_1h: None,
        reasoning,
        audio_in: within("prompt_tokens_details", "audio_tokens"),
        audio_out: within("completion_tokens_details", "audio_tokens"),
        accepted_prediction: within("completion_tokens_details", "accepted_prediction_tokens"),
        rejected_prediction: within("completion_tokens_details", "rejected_prediction_tokens"),
        image_in: within("prompt_tokens_details", "image_tokens"),
        image_out: within("completion_tokens_details", "image_tokens"),
        ..Usage::default()
    })
}

/// Brings a vendor's `usage` object into OpenAI's sense; what else is in it stays. Says whether anything had to change.
pub fn normalize(usage: &mut Map<String, Value>) -> bool {
    let before = usage.clone();
    let count = |key: &str| usage.get(key).and_then(number).unwrap_or(0);
    let (prompt, mut completion, total) = (count("prompt_tokens"), count("completion_tokens"), count("total_tokens"));
    let reasoning = usage.get("completion_tokens_details").and_then(|inner| inner.get("reasoning_tokens")).and_then(number);
    if counts_reasoning_beside(prompt, completion, reasoning, Some(total)) {
        completion += reasoning.unwrap_or(0);
    }
    for (key, value) in [("prompt_tokens", prompt), ("completion_tokens", completion), ("total_tokens", prompt.saturating_add(completion))]
    {
        if usage.get(key).and_then(Value::as_u64) != Some(value) {
            usage.insert(key.into(), value.into());
        }
    }
    if let Some(cached) = cached(usage).filter(|cached| *cached > 0) {
        let details = usage.entry("prompt_tokens_details").or_insert(Value::Null);
        match details {
            Value::Object(details) => {
                details.entry("cached_tokens").or_insert(Value::Null);
                if details.get("cached_tokens").and_then(Value::as_u64) != Some(cached) {
                    details.insert("cached_tokens".into(), cached.into());
                }
            }
            other => *other = json!({ "cached_tokens": cached }),
        }
    }
    *usage != before
}

/// A `usage` object as it is written.
#[derive(Serialize)]
pub struct Wire {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_tokens: Option<u64>,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_prediction_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_prediction_tokens: Option<u64>,
}

impl Wire {
    pub fn of(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt,
            completion_tokens: usage.completion,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached.unwrap_or(0),
                cache_write_tokens: usage.cache_write,
                audio_tokens: usage.audio_in,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning.unwrap_or(0),
                audio_tokens: usage.audio_out,
                accepted_prediction_tokens: usage.accepted_prediction,
                rejected_prediction_tokens: usage.rejected_prediction,
            },
        }
    }
}

/// xAI counts reasoning beside the completion; the total gives it away.
fn counts_reasoning_beside(prompt: u64, completion: u64, reasoning: Option<u64>, total: Option<u64>) -> bool {
    let reasoning = reasoning.unwrap_or(0);
    reasoning > 0 && total == prompt.checked_add(completion).and_then(|sum| sum.checked_add(reasoning))
}

/// Tokens read from the prompt cache, in OpenAI's place or a vendor's own: DeepSeek's, Databricks', Together's, Mistral's.
fn cached(usage: &Map<String, Value>) -> Option<u64> {
    let standard = usage.get("prompt_tokens_details").and_then(|inner| inner.get("cached_tokens")).and_then(number);
    if standard.is_some_and(|cached| cached > 0) {
        return standard;
    }
    ["prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens", "num_cached_tokens"]
        .iter()
        .find_map(|key| usage.get(*key).and_then(number))
        .or(standard)
}

/// A count, which some vendors write as a float.
fn number(value: &Value) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int `as` saturates, and counts are positive")]
    value.as_u64().or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_beside_the_completion_is_added_to_it() {
        let mut raw = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22,
            "completion_tokens_details": {"reasoning_tokens": 7}});
        assert_eq!(read(&raw).map(|usage| usage.completion), Some(12));
        assert_eq!(read_raw(&crate::base::raw::to_raw(&raw)), read(&raw));
        assert!(normalize(raw.as_object_mut().unwrap()));
        assert_eq!(raw["completion_tokens"], 12);
        assert_eq!(read(&raw).map(|usage| usage.completion), Some(12));
    }

    #[test]
    fn cached_tokens_are_found_in_every_place() {
        for raw in [
            json!({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}),
            json!({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}),
            json!({"prompt_tokens": 9, "cached_tokens": 4, "prompt_tokens_details": null}),
            json!({"prompt_tokens": 9, "num_cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}}),
            json!({"prompt_tokens": 9.0, "cache_read_input_tokens": 4.0}),
        ] {
            let mut raw = raw;
            assert_eq!(read(&raw).and_then(|usage| usage.cached), Some(4), "{raw}");
            assert_eq!(read_raw(&crate::base::raw::to_raw(&raw)), read(&raw), "{raw}");
            normalize(raw.as_object_mut().unwrap());
            assert_eq!(raw["prompt_tokens_details"]["cached_tokens"], 4, "{raw}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let usage = Usage { prompt: 9, completion: 5, cached: Some(2), reasoning: Some(3), cache_write: Some(1), ..Usage::default() };
        let mut written = serde_json::to_value(Wire::of(&usage)).unwrap();
        assert_eq!(read(&written), Some(usage));
        assert!(!normalize(written.as_object_mut().unwrap()));
    }

    #[test]
    fn counts_beyond_all_measure_do_not_overflow() {
        let mut raw = json!({"prompt_tokens": u64::MAX, "completion_tokens": 5, "total_tokens": 1});
        assert!(normalize(raw.as_object_mut().unwrap()));
        assert_eq!(raw["total_tokens"], u64::MAX);
    }

    #[test]
    fn an_object_without_counts_is_no_usage() {
        assert_eq!(read(&json!({"prompt_tokens": null})), None);
        assert_eq!(read(&Value::Null), None);
    }
}

//! Probabilities of tokens, between Gemini's two parallel lists and OpenAI's one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `logprobsResult`.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Wire {
    top_candidates: Vec<Top>,
    chosen_candidates: Vec<Token>,
}

#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Top {
    candidates: Vec<Token>,
}

#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct Token {
    token: String,
    log_probability: f64,
}

impl Wire {
    /// OpenAI's `logprobs` object.
    pub(super) fn to_hub(&self) -> Value {
        let entry = |token: &Token| json!({"token": token.token, "logprob": token.log_probability, "bytes": token.token.as_bytes()});
        let content = self.chosen_candidates.iter().enumerate().map(|(at, token)| {
            let mut written = entry(token);
            let top = self.top_candidates.get(at).map(|top| top.candidates.iter().map(entry).collect::<Vec<_>>());
            if let Value::Object(fields) = &mut written {
                fields.insert("top_logprobs".into(), top.unwrap_or_default().into());
            }
            written
        });
        json!({"content": content.collect::<Vec<_>>(), "refusal": null})
    }

    /// From OpenAI's `logprobs` object.
    pub(super) fn of(value: &Value) -> Self {
        let read = |entry: &Value| Token {
            token: entry.get("token").and_then(Value::as_str).unwrap_or_default().to_owned(),
            log_probability: entry.get("logprob").and_then(Value::as_f64).unwrap_or_default(),
        };
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let content = list(value.get("content"));
        Self {
            top_candidates: content.iter().map(|e| Top { candidates: list(e.get("top_logprobs")).iter().map(read).collect() }).collect(),
            chosen_candidates: content.iter().map(read).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let text = r#"{"topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5},{"token":"é","logProbability":-2.0}]}],
            "chosenCandidates":[{"token":"a","logProbability":-0.5}]}"#;
        let wire: Wire = serde_json::from_str(text).unwrap();
        let hub = wire.to_hub();
        assert_eq!(hub.pointer("/content/0/top_logprobs/1/bytes"), Some(&json!([195, 169])));
        assert_eq!(Wire::of(&hub), wire);
    }
}

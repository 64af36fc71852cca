//! Log probabilities: four lists side by side in this dialect, one list of tokens in chat completions and so in the hub.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// As it is on the wire. The lists are equally long.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Wire {
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f64>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<Map<String, Value>>>>,
    /// Where each token begins, in characters of the answer's text.
    #[serde(default)]
    text_offset: Vec<u64>,
}

impl Wire {
    /// The hub's form.
    pub(super) fn to_hub(&self) -> Value {
        let tops = self.top_logprobs.as_deref().unwrap_or_default();
        let entry = |(at, token): (usize, &String)| {
            let logprob = self.token_logprobs.get(at).copied().flatten();
            let others = tops.get(at).and_then(Option::as_ref).into_iter().flatten();
            let others: Vec<Value> = others.map(|(token, logprob)| json!({"token": token, "logprob": logprob, "bytes": null})).collect();
            json!({"token": token, "logprob": logprob, "bytes": null, "top_logprobs": others})
        };
        json!({"content": self.tokens.iter().enumerate().map(entry).collect::<Vec<_>>(), "refusal": null})
    }

    /// This dialect's form of the hub's. `offset` is where the first token begins, and becomes where the next one would.
    pub(super) fn of_hub(value: &Value, offset: &mut u64) -> Self {
        let mut wire = Self::default();
        let mut tops = Vec::new();
        for entry in value.get("content").and_then(Value::as_array).into_iter().flatten() {
            let token = entry.get("token").and_then(Value::as_str).unwrap_or_default();
            wire.text_offset.push(*offset);
            *offset += token.chars().count() as u64;
            wire.tokens.push(token.to_owned());
            wire.token_logprobs.push(entry.get("logprob").and_then(Value::as_f64));
            let others = entry.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
            let other = |other: &Value| Some((other.get("token")?.as_str()?.to_owned(), other.get("logprob")?.clone()));
            tops.push(Some(others.filter_map(other).collect::<Map<_, _>>()));
        }
        if tops.iter().flatten().any(|tops| !tops.is_empty()) {
            wire.top_logprobs = Some(tops);
        }
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let hub = json!({"refusal": null, "content": [
            {"token": "Grü", "logprob": -0.5, "bytes": null, "top_logprobs": [{"token": "Grü", "logprob": -0.5, "bytes": null},
                {"token": "Gr", "logprob": -1.25, "bytes": null}]},
            {"token": "ße", "logprob": -2.0, "bytes": null, "top_logprobs": []},
        ]});
        let mut offset = 0;
        let wire = Wire::of_hub(&hub, &mut offset);
        let expected = json!({"tokens": ["Grü", "ße"], "token_logprobs": [-0.5, -2.0], "text_offset": [0, 3],
            "top_logprobs": [{"Grü": -0.5, "Gr": -1.25}, {}]});
        assert_eq!((serde_json::to_value(&wire).unwrap(), offset), (expected, 5));
        assert_eq!(wire.to_hub(), hub);
        let first: Wire = serde_json::from_value(json!({"tokens": ["a"], "token_logprobs": [null], "top_logprobs": null})).unwrap();
        assert_eq!(first.to_hub()["content"][0]["logprob"], Value::Null, "the first token of a prompt has none");
    }
}

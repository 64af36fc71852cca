//! Probabilities of tokens, between Cohere's pieces of text and OpenAI's list.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A piece of text, which may be several tokens.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Item {
    text: Option<String>,
    token_ids: Vec<u64>,
    logprobs: Option<Vec<f64>>,
}

/// OpenAI's `logprobs` object; `None` where nothing is told. A piece is as likely as all of its tokens together.
pub(super) fn to_hub(items: &[Item]) -> Option<Value> {
    let entry = |item: &Item| {
        let (text, logprobs) = (item.text.as_deref().unwrap_or_default(), item.logprobs.as_ref()?);
        let logprob: f64 = logprobs.iter().sum();
        Some(json!({"token": text, "logprob": logprob, "bytes": text.as_bytes(), "top_logprobs": []}))
    };
    let content: Vec<Value> = items.iter().filter_map(entry).collect();
    (!content.is_empty()).then(|| json!({"content": content, "refusal": null}))
}

/// The pieces of OpenAI's `logprobs` object, one for each token. The tokens' numbers are not known.
pub(super) fn of(value: &Value) -> Vec<Item> {
    let item = |entry: &Value| Item {
        text: entry.get("token").and_then(Value::as_str).map(str::to_owned),
        token_ids: Vec::new(),
        logprobs: entry.get("logprob").and_then(Value::as_f64).map(|logprob| vec![logprob]),
    };
    value.get("content").and_then(Value::as_array).map(|tokens| tokens.iter().map(item).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let items: Vec<Item> =
            serde_json::from_str(r#"[{"text":"é","token_ids":[1,2],"logprobs":[-0.5,-0.25]},{"token_ids":[3]}]"#).unwrap();
        let hub = to_hub(&items).unwrap();
        assert_eq!(hub["content"], json!([{"token": "é", "logprob": -0.75, "bytes": [195, 169], "top_logprobs": []}]));
        assert_eq!(to_hub(&of(&hub)), Some(hub));
        assert_eq!((to_hub(&[]), of(&Value::Null).len()), (None, 0));
    }
}

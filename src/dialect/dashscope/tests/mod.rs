//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded, relays.

mod property;
mod relay;
mod request;
mod stream;
mod write;

use serde_json::{Value, json};

use crate::dialect::{Quirks, Reply};

/// The quirks that the catalogue gives the vendor, as far as they concern this dialect.
fn quirks() -> Quirks {
    serde_json::from_value(json!({
        "request": {
            "rename": {"max_completion_tokens": "max_tokens"},
            "effort": {"none": {"enable_thinking": false}, "high": {"enable_thinking": true, "thinking_budget": 24576}},
            "instead": {"web_search_options": {"enable_search": true}},
            "not_thinking": ["tool_choice", "response_format"],
            "json_word": true, "streams": "thinking", "knows": ["top_k", "thinking_budget"], "cache_hint": "cache_control",
            "messages": {"audio": "data_url", "drop_image_detail": true},
        },
        "models": [{"names": ["*-vl*"], "request": {"multimodal": true}}, {"names": ["qwq*"], "request": {"streams": "always"}}],
    }))
    .unwrap()
}

/// The reply to a request of these parameters; `task` is the word of its path.
fn reply(task: &str, parameters: &Value) -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "qwen-plus".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 1,
        request: json!({"task": task, "parameters": parameters}).to_string().into(),
    }
}

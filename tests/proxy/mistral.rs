//! A conversation with Mistral, which takes tool-call ids of nine letters and digits only, and no user right after a tool.

use serde_json::{Value, json};

use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

const FOREIGN: &str = "call_abcdefghijklmnopqrstuvwx";
const OWN: &str = "D681PevKs";

fn answer(message: Value, finish: &str) -> Script {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8});
    let choice = json!({"index": 0, "message": message, "finish_reason": finish});
    Script::json(200, &json!({"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}))
}

fn call(id: &str, arguments: Value) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

#[tokio::test]
async fn ids_of_calls_are_kept_or_mapped_through_all_turns() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider("mistral", &upstream, "")).await;
    // What another vendor answered earlier, then a question right after the tool.
    let mut messages = vec![
        json!({"role": "user", "content": "first"}),
        json!({"role": "assistant", "content": null, "tool_calls": [call(FOREIGN, json!("{}"))]}),
        json!({"role": "tool", "tool_call_id": FOREIGN, "content": "1"}),
        json!({"role": "user", "content": "again"}),
    ];
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    // Mistral's arguments may be an object.
    upstream.script(answer(json!({"role": "assistant", "content": "", "tool_calls": [call(OWN, json!({"x": 1}))]}), "tool_calls"));
    upstream.script(answer(json!({"role": "assistant", "content": "done"}), "stop"));
    let first = sidecar.chat(&json!({"model": "m", "messages": messages, "tools": tools})).await.json();
    let said = &first["choices"][0]["message"];
    assert_eq!(said["tool_calls"], json!([call(OWN, json!("{\"x\":1}"))]), "{first}");
    messages.push(said.clone());
    messages.push(json!({"role": "tool", "tool_call_id": OWN, "content": "2"}));
    let second = sidecar.chat(&json!({"model": "m", "messages": messages, "tools": tools})).await.json();
    assert_eq!(second["choices"][0]["message"]["content"], "done", "{second}");

    let seen = upstream.requests();
    let asked: Vec<Vec<Value>> = seen.iter().map(|seen| seen.json()["messages"].as_array().unwrap().clone()).collect();
    let mapped = asked[0][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(mapped.len() == 9 && mapped.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{mapped}");
    assert_eq!(asked[0][2]["tool_call_id"], mapped, "the result knows its call");
    assert_eq!(asked[1][..5], asked[0][..5], "the same in every turn");
    assert_eq!((&asked[1][5]["tool_calls"][0]["id"], &asked[1][6]["tool_call_id"]), (&json!(OWN), &json!(OWN)));
    let roles: Vec<&str> = asked[1].iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant", "user", "assistant", "tool"], "none of the user's right after a tool");
}

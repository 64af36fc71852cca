use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::chat::{ApiError, DialectId};
use crate::dialect::bedrock_converse::BedrockConverse;
use crate::dialect::{Dialect, Quirks, To, dialect};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// Rules as the vendor's row has them.
static QUIRKS: LazyLock<Quirks> = LazyLock::new(|| {
    serde_json::from_value(json!({"models": [
        {"names": ["*claude*"], "request": {"converse": {"forced_tools": true, "single_tool": true, "cache_points": true,
            "assistant_first": true, "results": "no_documents", "top_k": ["top_k"], "reasoning": "signed"}}},
        {"names": ["*claude-*-4-5*"], "request": {"converse": {"structured_output": true}}},
        {"names": ["*nova*"], "request": {"converse": {"forced_tools": true, "top_k": ["inferenceConfig", "topK"]}}},
        {"names": ["*mistral*"], "request": {"converse": {"results": "alone", "json_results": true}}},
        {"names": ["*writer*"], "request": {"converse": {"results": "alone", "no_result_status": true}}},
        {"names": ["*titan*"], "request": {"converse": {"no_system": true}}},
        {"names": ["*deepseek.r1*"], "request": {"converse": {"reasoning": "unsigned"}}},
    ]}))
    .unwrap()
});

/// What a model is sent for a chat completion, and what was dropped of it.
fn write(model: &str, request: Value) -> Result<(Value, Vec<String>), ApiError> {
    let request = dialect(DialectId::OpenAiChat).read_request(request.to_string().as_bytes())?;
    let written = BedrockConverse.write_request(&request, &To { model, quirks: &QUIRKS, want_usage: true })?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}

fn sent(model: &str, request: Value) -> Value {
    write(model, request).unwrap().0
}

fn asked(fields: Value) -> Value {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

fn tool() -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}})
}

/// A conversation in which the assistant called twice, answered in the other order, and the user goes on.
fn looped(more: &[Value]) -> Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.50}"}});
    let mut messages = vec![
        json!({"role": "system", "content": "be brief"}),
        json!({"role": "user", "content": "hi"}),
        json!({"role": "user", "content": "again"}),
        json!({"role": "assistant", "content": "", "tool_calls": [call("call_1"), call("c;2")]}),
        json!({"role": "tool", "tool_call_id": "c;2", "content": "two"}),
        json!({"role": "tool", "tool_call_id": "call_1", "content": "{\"one\": 1}"}),
    ];
    messages.extend_from_slice(more);
    json!({"model": "m", "messages": messages, "tools": [tool()]})
}

#[test]
fn roles_merge_and_results_come_in_the_order_of_their_calls() {
    let body = sent(CLAUDE, looped(&[json!({"role": "user", "content": "and?"})]));
    assert_eq!(body["system"], json!([{"text": "be brief"}]));
    let turns = body["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    assert_eq!(turns[0], json!({"role": "user", "content": [{"text": "hi"}, {"text": "again"}]}));
    let calls = turns[1]["content"].as_array().unwrap();
    assert_eq!(calls[0], json!({"toolUse": {"toolUseId": "call_1", "name": "f", "input": {"a": 1.5}}}));
    let second = calls[1]["toolUse"]["toolUseId"].as_str().unwrap();
    assert!(second.len() <= 64 && second.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{second}");
    assert_eq!(
        turns[2]["content"],
        json!([
            {"toolResult": {"toolUseId": "call_1", "content": [{"text": "{\"one\": 1}"}], "status": "success"}},
            {"toolResult": {"toolUseId": second, "content": [{"text": "two"}], "status": "success"}},
            {"text": "and?"},
        ])
    );
}

#[test]
fn results_stand_apart_where_a_family_wants_them_to() {
    let more = [json!({"role": "user", "content": "and?"})];
    let turns = sent("mistral.mistral-7b-instruct", looped(&more))["messages"].clone();
    assert_eq!(
        turns.as_array().unwrap()[3..],
        [json!({"role": "assistant", "content": [{"text": "."}]}), json!({"role": "user", "content": [{"text": "and?"}]})]
    );
    let results = turns[2]["content"].as_array().unwrap();
    assert_eq!(results[0]["toolResult"]["content"], json!([{"json": {"one": 1}}]));
    assert_eq!(results[1]["toolResult"]["content"], json!([{"json": {"result": "two"}}]));
    let writer = sent("writer.palmyra-x4-v1:0", looped(&more));
    assert_eq!(writer["messages"][2]["content"][0]["toolResult"].get("status"), None);
    let file = json!({"type": "file", "file": {"filename": "a_b.pdf", "file_data": "data:application/pdf;base64,AAAA"}});
    let turns = sent(CLAUDE, looped(&[json!({"role": "user", "content": [file]})]))["messages"].clone();
    let document = json!({"document": {"format": "pdf", "name": "a b pdf", "source": {"bytes": "AAAA"}}});
    assert_eq!(turns[4]["content"], json!([document, {"text": "."}]));
}

#[test]
fn calls_and_results_that_do_not_match_are_refused() {
    let mut unanswered = looped(&[]);
    unanswered["messages"].as_array_mut().unwrap().pop();
    let stray = looped(&[json!({"role": "tool", "tool_call_id": "call_9", "content": "x"})]);
    for request in [unanswered, stray] {
        let error = write(CLAUDE, request).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some("messages")));
    }
}

#[test]
fn settings_go_where_converse_has_them() {
    let (body, dropped) = write(
        CLAUDE,
        asked(json!({"max_tokens": 90, "temperature": 1.5, "stop": ["END", " "], "service_tier": "flex", "metadata": {"team": "a b"},
            "seed": 1, "user": "u", "logit_bias": {"1": 2}})),
    )
    .unwrap();
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 90, "temperature": 1, "stopSequences": ["END"]}));
    assert_eq!((&body["serviceTier"], &body["requestMetadata"]), (&json!({"type": "flex"}), &json!({"team": "a b"})));
    assert_eq!(body["additionalModelResponseFieldPaths"], json!(["/stop_sequence"]));
    assert_eq!(dropped, ["user", "seed", "logit_bias", "temperature", "stop"]);
    let (body, dropped) = write("us.amazon.nova-micro-v1:0", asked(json!({"metadata": {"é": "x"}, "stop": "END"}))).unwrap();
    assert!(body.get("requestMetadata").is_none() && body.get("additionalModelResponseFieldPaths").is_none());
    assert_eq!(dropped, ["metadata"]);
    for (field, value) in [("n", json!(2)), ("logprobs", json!(true))] {
        assert_eq!(write(CLAUDE, asked(json!({ field: value }))).unwrap_err().param.as_deref(), Some(field));
    }
}

#[test]
fn top_k_goes_where_the_family_has_it() {
    let top_k = |model: &str| {
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "model": "m", "max_tokens": 9, "top_k": 5});
        let request = dialect(DialectId::AnthropicMessages).read_request(body.to_string().as_bytes()).unwrap();
        let written = BedrockConverse.write_request(&request, &To { model, quirks: &QUIRKS, want_usage: true }).unwrap();
        (serde_json::from_slice::<Value>(&written.body).unwrap()["additionalModelRequestFields"].clone(), written.dropped.is_empty())
    };
    assert_eq!(top_k(CLAUDE), (json!({"top_k": 5}), true));
    assert_eq!(top_k("amazon.nova-lite-v1:0"), (json!({"inferenceConfig": {"topK": 5}}), true));
    assert_eq!(top_k("meta.llama3-1-8b"), (Value::Null, false));
}

#[test]
fn tools_and_the_choice_among_them() {
    let with = |model: &str, choice: Value| write(model, asked(json!({"tools": [tool()], "tool_choice": choice}))).unwrap();
    let spec = json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {"a": {"type": "string"}}}}}});
    let named = json!({"type": "function", "function": {"name": "f"}});
    assert_eq!(with(CLAUDE, json!("auto")).0["toolConfig"], json!({"tools": [spec], "toolChoice": {"auto": {}}}));
    assert_eq!(with(CLAUDE, json!("required")).0["toolConfig"]["toolChoice"], json!({"any": {}}));
    assert_eq!(with(CLAUDE, named.clone()).0["toolConfig"]["toolChoice"], json!({"tool": {"name": "f"}}));
    assert_eq!(with(CLAUDE, json!("none")), (asked_plainly(), Vec::new()));
    let (body, dropped) = with("meta.llama3-1-8b", named);
    assert_eq!((&body["toolConfig"], dropped), (&json!({"tools": [spec]}), vec!["tool_choice".to_owned()]));
    let alone = |model: &str| write(model, asked(json!({"tools": [tool()], "parallel_tool_calls": false}))).unwrap();
    let field = json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}});
    assert_eq!((&alone(CLAUDE).0["additionalModelRequestFields"], alone(CLAUDE).1), (&field, Vec::new()));
    assert_eq!(alone("amazon.nova-lite-v1:0").1, ["parallel_tool_calls"]);
}

fn asked_plainly() -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]})
}

#[test]
fn a_history_of_tools_needs_some() {
    let mut request = looped(&[]);
    request.as_object_mut().unwrap().remove("tools");
    assert_eq!(sent(CLAUDE, request)["toolConfig"]["tools"][0]["toolSpec"]["name"], "unavailable_tool");
    let mut request = looped(&[]);
    request["tool_choice"] = json!("none");
    let (body, dropped) = write(CLAUDE, request).unwrap();
    assert_eq!((&body["toolConfig"]["tools"][0]["toolSpec"]["name"], dropped), (&json!("f"), vec!["tool_choice".to_owned()]));
}

#[test]
fn formats_are_kept_natively_or_through_a_tool() {
    let format = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "City", "schema": schema}}});
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let native = sent(CLAUDE, asked(format(schema.clone())));
    let definition = &native["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    assert_eq!(definition["name"], "City");
    let closed: Value = serde_json::from_str(definition["schema"].as_str().unwrap()).unwrap();
    assert_eq!(closed["additionalProperties"], false);
    let ranged = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}});
    for (model, schema) in [(CLAUDE, &ranged), ("us.amazon.nova-micro-v1:0", &schema)] {
        let body = sent(model, asked(format(schema.clone())));
        assert_eq!(body["toolConfig"]["toolChoice"], json!({"tool": {"name": "json_tool_call"}}), "{model}");
        assert_eq!(&body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"], schema);
        assert!(body.get("outputConfig").is_none());
    }
    let mut strict = format(schema.clone());
    strict["response_format"]["json_schema"]["strict"] = json!(true);
    strict["reasoning_effort"] = json!("low");
    assert_eq!(write("us.amazon.nova-micro-v1:0", asked(strict.clone())).unwrap().1, ["strict", "reasoning_effort"]);
    strict["response_format"]["json_schema"]["schema"] = ranged.clone();
    for model in [CLAUDE, "us.anthropic.claude-sonnet-4-6"] {
        let (body, dropped) = write(model, asked(strict.clone())).unwrap();
        assert_eq!(dropped, ["strict", "reasoning_effort"], "{model}");
        assert!(body["additionalModelRequestFields"].get("thinking").is_none(), "{model}: a forced tool and thinking do not go together");
    }
    let mut taken = format(ranged.clone());
    taken["tools"] = json!([{"type": "function", "function": {"name": "json_tool_call", "parameters": {"type": "object"}}}]);
    assert_eq!(write(CLAUDE, asked(taken)).unwrap_err().param.as_deref(), Some("tools"));
    let unforced = sent("meta.llama3-1-8b", asked(format(schema)));
    assert!(
        unforced["system"][0]["text"].as_str().unwrap().contains("json_tool_call") && unforced["toolConfig"].get("toolChoice").is_none()
    );
    assert!(
        sent(CLAUDE, asked(json!({"response_format": {"type": "json_object"}})))["system"][0]["text"].as_str().unwrap().contains("JSON")
    );
}

#[test]
fn cache_points_follow_what_is_marked() {
    let marked = |text: &str| json!({"type": "text", "text": text, "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "1h"}});
    let request =
        json!({"model": "m", "messages": [{"role": "system", "content": [marked("s")]}, {"role": "user", "content": [marked("u")]}]});
    let point = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    let (body, dropped) = write(CLAUDE, request.clone()).unwrap();
    assert_eq!((&body["system"][1], &body["messages"][0]["content"][1], dropped), (&point, &point, Vec::new()));
    let (body, dropped) = write("meta.llama3-1-8b", request).unwrap();
    assert_eq!((body["system"].as_array().unwrap().len(), dropped), (1, vec!["prompt_cache_breakpoint".to_owned()]));
}

#[test]
fn reasoning_goes_back_to_those_who_take_it() {
    let thought = json!({"role": "assistant", "content": "b", "reasoning_content": "hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}, {"type": "redacted_thinking", "data": "Eu8E"}]});
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "a"}, thought, {"role": "user", "content": "c"}]});
    let content = |model: &str| {
        let (body, dropped) = write(model, request.clone()).unwrap();
        (body["messages"][1]["content"].clone(), dropped)
    };
    let signed = json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "EqQB"}}});
    let closed = json!({"reasoningContent": {"redactedContent": "RXU4RQ=="}});
    assert_eq!(content(CLAUDE), (json!([signed, closed, {"text": "b"}]), Vec::new()));
    let unsigned = json!({"reasoningContent": {"reasoningText": {"text": "hm"}}});
    assert_eq!(content("us.deepseek.r1-v1:0"), (json!([unsigned, {"text": "b"}]), Vec::new()));
    assert_eq!(content("amazon.nova-lite-v1:0"), (json!([{"text": "b"}]), vec!["reasoning_content".to_owned()]));
}

#[test]
fn turns_that_a_family_insists_on_are_filled_in() {
    let leading = json!({"model": "m", "messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]});
    assert_eq!(sent("amazon.nova-lite-v1:0", leading.clone())["messages"][0], json!({"role": "user", "content": [{"text": "."}]}));
    assert_eq!(sent(CLAUDE, leading)["messages"][0]["role"], "assistant");
    let prefill = json!({"model": "m", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b "}]});
    assert_eq!(sent(CLAUDE, prefill.clone())["messages"][1]["content"], json!([{"text": "b"}]));
    assert_eq!(sent("us.anthropic.claude-sonnet-4-6", prefill)["messages"][2]["content"], json!([{"text": "Continue."}]));
    let system = json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]});
    let titan = sent("amazon.titan-text-express-v1", system);
    assert_eq!(titan, json!({"messages": [{"role": "user", "content": [{"text": "s"}, {"text": "a"}]}]}));
}

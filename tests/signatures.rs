//! Signed thinking for clients that have no place for it: conversations of two turns through the whole binary, before vendors
//! that refuse the second turn without the very signature they gave in the first.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::float_cmp, reason = "counters are whole numbers")]

mod support;

use llm_sidecar::codec::aws;
use serde_json::{Value, json};
use support::chat::named;
use support::client::Answer;
use support::sidecar::Sidecar;
use support::upstream::{Script, Seen, Upstream};

const PROOF: &str = "c2lnbmF0dXJlLW9mLXRoZS12ZW5kb3I=";
const THOUGHT: &str = "The weather needs a tool.";

/// A call as a plain client keeps it.
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// A client that keeps of an answer only what its own API has.
struct Plain {
    name: &'static str,
    path: &'static str,
    first: fn(&str, bool) -> Value,
    /// The calls of an answer's or an event's JSON.
    calls: fn(&Value) -> Vec<Call>,
    text: fn(&Value) -> String,
    /// What the second request has beyond the first: the calls and their results.
    append: fn(&mut Value, &[Call]),
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn tool() -> Value {
    json!({"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}})
}

const CHAT: Plain = Plain {
    name: "openai_chat",
    path: "/v1/chat/completions",
    first: |model, stream| {
        json!({"model": model, "stream": stream, "reasoning_effort": "low", "tools": [{"type": "function", "function": tool()}],
            "messages": [{"role": "user", "content": "weather?"}]})
    },
    calls: |value| {
        let choice = &value["choices"][0];
        let calls = list(&choice["message"]["tool_calls"]).iter().chain(list(&choice["delta"]["tool_calls"]));
        let read = |call: &Value| Call {
            id: string(&call["id"]),
            name: string(&call["function"]["name"]),
            arguments: string(&call["function"]["arguments"]),
        };
        calls.map(read).collect()
    },
    text: |value| string(&value["choices"][0]["message"]["content"]) + &string(&value["choices"][0]["delta"]["content"]),
    append: |body, calls| {
        let messages = body["messages"].as_array_mut().unwrap();
        let write = |call: &Call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls.iter().map(write).collect::<Vec<_>>()}));
        messages.extend(calls.iter().map(|call| json!({"role": "tool", "tool_call_id": call.id, "content": "18 degrees"})));
    },
};

const RESPONSES: Plain = Plain {
    name: "openai_responses",
    path: "/v1/responses",
    first: |model, stream| {
        let mut tool = tool();
        tool["type"] = "function".into();
        json!({"model": model, "stream": stream, "reasoning": {"effort": "low"}, "tools": [tool], "input": [{"role": "user", "content": "weather?"}]})
    },
    calls: |value| {
        let done = (value["type"] == "response.output_item.done").then_some(&value["item"]);
        let calls = list(&value["output"]).iter().chain(done).filter(|item| item["type"] == "function_call");
        let read = |item: &Value| Call { id: string(&item["call_id"]), name: string(&item["name"]), arguments: string(&item["arguments"]) };
        calls.map(read).collect()
    },
    text: |value| {
        let whole: String =
            list(&value["output"]).iter().flat_map(|item| list(&item["content"])).map(|part| string(&part["text"])).collect();
        let delta = if value["type"] == "response.output_text.delta" { string(&value["delta"]) } else { String::new() };
        whole + &delta
    },
    append: |body, calls| {
        let input = body["input"].as_array_mut().unwrap();
        for call in calls {
            input.push(json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}));
        }
        input.extend(calls.iter().map(|call| json!({"type": "function_call_output", "call_id": call.id, "output": "18 degrees"})));
    },
};

const OLLAMA: Plain = Plain {
    name: "ollama",
    path: "/api/chat",
    first: |model, stream| {
        json!({"model": model, "stream": stream, "think": true, "tools": [{"type": "function", "function": tool()}],
            "messages": [{"role": "user", "content": "weather?"}]})
    },
    calls: |value| {
        let read = |call: &Value| Call {
            id: String::new(),
            name: string(&call["function"]["name"]),
            arguments: call["function"]["arguments"].to_string(),
        };
        list(&value["message"]["tool_calls"]).iter().map(read).collect()
    },
    text: |value| string(&value["message"]["content"]),
    append: |body, calls| {
        let messages = body["messages"].as_array_mut().unwrap();
        let write =
            |call: &Call| json!({"function": {"name": call.name, "arguments": serde_json::from_str::<Value>(&call.arguments).unwrap()}});
        messages.push(json!({"role": "assistant", "content": "", "tool_calls": calls.iter().map(write).collect::<Vec<_>>()}));
        messages.extend(calls.iter().map(|call| json!({"role": "tool", "tool_name": call.name, "content": "18 degrees"})));
    },
};

/// A client of Anthropic's API that keeps no thinking, though it could.
const MESSAGES: Plain = Plain {
    name: "anthropic_messages",
    path: "/v1/messages",
    first: |model, stream| {
        let mut tool = tool();
        tool["input_schema"] = tool.as_object_mut().unwrap().remove("parameters").unwrap();
        json!({"model": model, "stream": stream, "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000},
            "tools": [tool], "messages": [{"role": "user", "content": "weather?"}]})
    },
    calls: |value| {
        let blocks = list(&value["content"]).iter().chain([&value["content_block"]]).filter(|block| block["type"] == "tool_use");
        let begin = |block: &Value| Call {
            id: string(&block["id"]),
            name: string(&block["name"]),
            arguments: if value["type"] == "message" { block["input"].to_string() } else { String::new() },
        };
        let more = value["delta"]["partial_json"].as_str().filter(|more| !more.is_empty());
        let more = more.map(|more| Call { id: String::new(), name: String::new(), arguments: more.to_owned() });
        blocks.map(begin).chain(more).collect()
    },
    text: |value| {
        let whole: String = list(&value["content"]).iter().map(|block| string(&block["text"])).collect();
        whole + &string(&value["delta"]["text"])
    },
    append: |body, calls| {
        let messages = body["messages"].as_array_mut().unwrap();
        let input = |call: &Call| serde_json::from_str::<Value>(&call.arguments).unwrap();
        let write = |call: &Call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input(call)});
        messages.push(json!({"role": "assistant", "content": calls.iter().map(write).collect::<Vec<_>>()}));
        let result = |call: &Call| json!({"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"});
        messages.push(json!({"role": "user", "content": calls.iter().map(result).collect::<Vec<_>>()}));
    },
};

const CLIENTS: [Plain; 3] = [CHAT, RESPONSES, OLLAMA];

impl Plain {
    /// The JSON of a whole answer's or a stream's parts.
    fn parts(&self, answer: &Answer, stream: bool) -> Vec<Value> {
        assert_eq!(answer.status(), 200, "{}: {}", self.name, answer.text());
        let text = answer.text();
        match (stream, self.name) {
            (false, _) => vec![answer.json()],
            (true, "ollama") => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            (true, _) => answer.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect(),
        }
    }

    /// The answer's calls, a stream's fragments put together.
    fn calls(&self, answer: &Answer, stream: bool) -> Vec<Call> {
        let mut calls: Vec<Call> = Vec::new();
        for call in self.parts(answer, stream).iter().flat_map(self.calls) {
            match calls.last_mut() {
                Some(last) if call.name.is_empty() => last.arguments.push_str(&call.arguments),
                _ => calls.push(call),
            }
        }
        calls
    }

    fn text(&self, answer: &Answer, stream: bool) -> String {
        self.parts(answer, stream).iter().map(self.text).collect()
    }
}

fn reply(seen: &Seen, events: &[Value], whole: &Value, name_events: bool) -> Script {
    let stream = seen.path.contains("stream") || serde_json::from_slice::<Value>(&seen.body).unwrap()["stream"] == true;
    if !stream {
        return Script::json(200, whole);
    }
    let event = |event: &Value| if name_events { named(event) } else { format!("data: {event}\n\n") };
    let text: String = events.iter().map(event).collect();
    Script::sse().chunk(text).end()
}

/// Anthropic with budgeted thinking: a tool's result without the thinking before its call is refused.
fn anthropic(seen: &Seen) -> Script {
    let body = seen.json();
    let messages = list(&body["messages"]);
    let Some(assistant) = messages.iter().find(|message| message["role"] == "assistant") else {
        let blocks = [
            json!({"type": "thinking", "thinking": THOUGHT, "signature": PROOF}),
            json!({"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Paris", "days": 2}}),
        ];
        return message(seen, &blocks, "tool_use");
    };
    if body["thinking"]["type"] != "enabled" {
        return message(seen, &[json!({"type": "text", "text": "no thoughts"})], "end_turn");
    }
    let thinking = json!({"type": "thinking", "thinking": THOUGHT, "signature": PROOF});
    if assistant["content"][0] != thinking || assistant["content"][1]["type"] != "tool_use" {
        return Script::json(400, &json!({"type": "error", "error": {"type": "invalid_request_error", "message": "thinking is missing"}}));
    }
    message(seen, &[json!({"type": "text", "text": "18 degrees"})], "end_turn")
}

/// A message of Anthropic's, whole and as a stream.
fn message(seen: &Seen, blocks: &[Value], stop: &str) -> Script {
    let mut whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks, "stop_reason": stop,
        "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 3}});
    let finished = whole.clone();
    whole["content"] = json!([]);
    whole["stop_reason"] = Value::Null;
    let mut events = vec![json!({"type": "message_start", "message": whole})];
    for (index, block) in blocks.iter().enumerate() {
        let mut start = block.clone();
        let deltas = match block["type"].as_str().unwrap() {
            "thinking" => {
                start["thinking"] = "".into();
                start["signature"] = "".into();
                let (one, two) = THOUGHT.split_at(7);
                let thinking = |text: &str| json!({"type": "thinking_delta", "thinking": text});
                vec![thinking(one), thinking(two), json!({"type": "signature_delta", "signature": PROOF})]
            }
            "tool_use" => {
                start["input"] = json!({});
                let arguments = block["input"].to_string();
                let (one, two) = arguments.split_at(5);
                let fragment = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
                vec![fragment(one), fragment(two)]
            }
            _ => {
                start["text"] = "".into();
                vec![json!({"type": "text_delta", "text": block["text"]})]
            }
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        events.extend(deltas.into_iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": 3}}));
    events.push(json!({"type": "message_stop"}));
    reply(seen, &events, &finished, true)
}

/// Gemini 3: the first call of each step has to bear its signature, of which the documented stand-in is one.
fn gemini(seen: &Seen) -> Script {
    let body = seen.json();
    let model = list(&body["contents"]).iter().find(|content| content["role"] == "model");
    let parts = match model {
        None => json!([
            {"text": THOUGHT, "thought": true},
            {"functionCall": {"id": "fc.01:x", "name": "weather", "args": {"city": "Paris"}}, "thoughtSignature": PROOF},
            {"functionCall": {"id": "fc.01;x", "name": "weather", "args": {"city": "Rome"}}},
        ]),
        Some(turn) => {
            let calls: Vec<&Value> = list(&turn["parts"]).iter().filter(|part| part["functionCall"].is_object()).collect();
            match calls[0]["thoughtSignature"].as_str() {
                Some(PROOF) if calls.iter().skip(1).all(|call| call["thoughtSignature"].is_null()) => json!([{"text": "18 degrees"}]),
                Some("skip_thought_signature_validator") => json!([{"text": "no thoughts"}]),
                _ => {
                    return Script::json(
                        400,
                        &json!({"error": {"code": 400, "message": "thought_signature is wrong", "status": "INVALID_ARGUMENT"}}),
                    );
                }
            }
        }
    };
    let answer = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8}, "modelVersion": "m"});
    reply(seen, std::slice::from_ref(&answer), &answer, false)
}

/// Claude at Bedrock: as Anthropic's own API refuses a tool's result without the thinking before its call.
fn bedrock(seen: &Seen) -> Script {
    let body = seen.json();
    let Some(assistant) = list(&body["messages"]).iter().find(|message| message["role"] == "assistant") else {
        return converse_answer(
            seen,
            &[
                json!({"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": PROOF}}}),
                json!({"toolUse": {"toolUseId": "tooluse_01", "name": "weather", "input": {"city": "Paris", "days": 2}}}),
            ],
            "tool_use",
        );
    };
    if body["additionalModelRequestFields"]["thinking"]["type"] != "enabled" {
        return converse_answer(seen, &[json!({"text": "no thoughts"})], "end_turn");
    }
    let thinking = json!({"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": PROOF}}});
    if assistant["content"][0] != thinking || !assistant["content"][1]["toolUse"].is_object() {
        return Script::json(400, &json!({"message": "thinking is missing"}));
    }
    converse_answer(seen, &[json!({"text": "18 degrees"})], "end_turn")
}

/// An answer of Bedrock's, whole or as an event stream, by the path.
fn converse_answer(seen: &Seen, blocks: &[Value], stop: &str) -> Script {
    let usage = json!({"inputTokens": 5, "outputTokens": 3, "totalTokens": 8});
    if !seen.path.ends_with("/converse-stream") {
        return Script::json(
            200,
            &json!({"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": stop, "usage": usage,
                "metrics": {"latencyMs": 1}}),
        );
    }
    let mut bytes = Vec::new();
    let mut event = |name: &str, payload: Value| {
        let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
        aws::write(&headers, payload.to_string().as_bytes(), &mut bytes);
    };
    event("messageStart", json!({"role": "assistant"}));
    for (index, block) in blocks.iter().enumerate() {
        let mut delta = |delta: Value| event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
        if let Some(text) = block["text"].as_str() {
            delta(json!({"text": text}));
        } else if block["reasoningContent"].is_object() {
            let (one, two) = THOUGHT.split_at(7);
            delta(json!({"reasoningContent": {"text": one}}));
            delta(json!({"reasoningContent": {"text": two}}));
            delta(json!({"reasoningContent": {"signature": PROOF}}));
        } else {
            let tool = &block["toolUse"];
            let start = json!({"toolUse": {"toolUseId": tool["toolUseId"], "name": tool["name"]}});
            event("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
            let arguments = tool["input"].to_string();
            let (one, two) = arguments.split_at(5);
            for fragment in [one, two] {
                event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": {"toolUse": {"input": fragment}}}));
            }
        }
        event("contentBlockStop", json!({"contentBlockIndex": index}));
    }
    event("messageStop", json!({"stopReason": stop}));
    event("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}}));
    Script::answer(200, "application/vnd.amazon.eventstream", bytes)
}

const CLAUDE: &str = "claude-sonnet-4-5";
const GEMINI: &str = "gemini-3-pro-preview";
const BEDROCK: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

async fn start(vendor: fn(&Seen) -> Script) -> Upstream {
    let upstream = Upstream::start().await;
    upstream.respond(vendor);
    upstream
}

fn provider(name: &str, kind: &str, upstream: &Upstream) -> String {
    format!(
        "  {name}: {{type: {kind}, base_url: \"http://{}\", api_key: sk-canary-0123456789, retry: {{attempts: 2}}}}\n",
        upstream.address
    )
}

/// Both turns; the second as it is after the first.
async fn converse(sidecar: &Sidecar, client: &Plain, model: &str, stream: bool) -> (Answer, String) {
    let mut body = (client.first)(model, stream);
    let first = sidecar.post(client.path, &body).await;
    let calls = client.calls(&first, stream);
    assert!(!calls.is_empty(), "{}: {}", client.name, first.text());
    (client.append)(&mut body, &calls);
    let second = sidecar.post(client.path, &body).await;
    let text = client.text(&second, stream);
    (second, text)
}

#[tokio::test]
async fn plain_clients_keep_the_thinking_of_their_vendor() {
    let (claude, google, amazon) = (start(anthropic).await, start(gemini).await, start(bedrock).await);
    let providers = provider("a", "anthropic", &claude)
        + &provider("g", "gemini", &google)
        + &provider("b", "bedrock", &amazon).replace("{type", "{region: us-east-1, type");
    let sidecar = Sidecar::start(&format!("providers:\n{providers}")).await;
    let mut conversations = 0.0;
    for model in [format!("a/{CLAUDE}"), format!("g/{GEMINI}"), format!("b/{BEDROCK}")] {
        for client in &CLIENTS {
            for stream in [false, true] {
                let (answer, text) = converse(&sidecar, client, &model, stream).await;
                assert_eq!(text, "18 degrees", "{} {model} {stream}", client.name);
                assert_eq!(answer.head.header("x-llm-dropped"), None, "{} {model} {stream}", client.name);
                conversations += 1.0;
            }
        }
    }
    assert_eq!(sidecar.metric("llm_signatures_restored_total").await, conversations);
    assert!(sidecar.metric("llm_signature_bytes").await > 100.0);
}

#[tokio::test]
async fn a_call_is_known_again_by_an_id_in_the_clients_own_form() {
    let google = start(gemini).await;
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("g", "gemini", &google))).await;
    for stream in [false, true] {
        let (_, text) = converse(&sidecar, &MESSAGES, &format!("g/{GEMINI}"), stream).await;
        assert_eq!(text, "18 degrees");
    }
    // The client was given ids that its own API would take.
    for seen in google.requests().iter().skip(1).step_by(2) {
        let body = seen.json();
        let parts = list(&body["contents"]).iter().flat_map(|content| list(&content["parts"]));
        let ids: Vec<String> = parts.filter_map(|part| part["functionCall"]["id"].as_str().map(str::to_owned)).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| !id.contains(['.', ':'])), "{ids:?}");
    }
}

#[tokio::test]
async fn one_clients_thinking_is_not_anothers() {
    let claude = start(anthropic).await;
    let clients = "clients:\n- {name: one, key: key-of-client-one}\n- {name: two, key: key-of-client-two}\n";
    let sidecar = Sidecar::start(&format!("{clients}providers:\n{}", provider("a", "anthropic", &claude))).await;
    let model = format!("a/{CLAUDE}");
    let ask = async |key: &str, body: &Value| {
        sidecar.post_with(CHAT.path, &[("authorization", &format!("Bearer key-of-client-{key}"))], body).await
    };
    let mut body = (CHAT.first)(&model, false);
    let calls = CHAT.calls(&ask("one", &body).await, false);
    (CHAT.append)(&mut body, &calls);
    // Without the thinking the vendor is not asked to think on, and the client is told.
    let other = ask("two", &body).await;
    assert_eq!((CHAT.text(&other, false).as_str(), other.head.header("x-llm-dropped")), ("no thoughts", Some("reasoning_effort")));
    assert!(!String::from_utf8(claude.requests()[1].body.clone()).unwrap().contains(PROOF));
    assert_eq!(CHAT.text(&ask("one", &body).await, false), "18 degrees");
}

#[tokio::test]
async fn another_vendor_gets_nothing_foreign_and_another_account_gets_it() {
    let (claude, google) = (start(anthropic).await, start(gemini).await);
    let providers = provider("a", "anthropic", &claude) + &provider("b", "anthropic", &claude) + &provider("g", "gemini", &google);
    let routes = format!(
        "models:\n  to-google: {{targets: [{{provider: a, model: {CLAUDE}}}, {{provider: g, model: {GEMINI}}}]}}\n  \
         to-b: {{targets: [{{provider: a, model: {CLAUDE}}}, {{provider: b, model: {CLAUDE}}}]}}\n"
    );
    let sidecar = Sidecar::start(&format!("providers:\n{providers}{routes}")).await;
    let overloaded = || Script::json(529, &json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}));
    for (model, expected) in [("to-google", "no thoughts"), ("to-b", "18 degrees")] {
        for stream in [false, true] {
            let mut body = (CHAT.first)(model, stream);
            let calls = CHAT.calls(&sidecar.chat(&body).await, stream);
            (CHAT.append)(&mut body, &calls);
            claude.script(overloaded());
            let second = sidecar.chat(&body).await;
            assert_eq!(CHAT.text(&second, stream), expected, "{model}");
        }
    }
    for seen in google.requests() {
        let text = String::from_utf8(seen.body).unwrap();
        assert!(!text.contains(PROOF) && !text.contains(THOUGHT), "{text}");
    }
    assert_eq!(google.count(), 2);
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let claude = start(anthropic).await;
    let off = "translation: {signatures: {max_entries: 0}}\n";
    let sidecar = Sidecar::start(&format!("{off}providers:\n{}", provider("a", "anthropic", &claude))).await;
    let (answer, text) = converse(&sidecar, &CHAT, &format!("a/{CLAUDE}"), true).await;
    assert_eq!((text.as_str(), answer.head.header("x-llm-dropped")), ("no thoughts", Some("reasoning_effort")));
    assert_eq!(sidecar.metric("llm_signature_entries").await, 0.0);
}

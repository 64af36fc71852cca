//! Every client's dialect before every vendor's: the whole binary between hand-written requests and the simulator, which
//! takes nothing but its key in its own header.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::net::SocketAddr;

use llm_sidecar::codec::Framing;
use llm_sidecar::simulate::{Options, serve};
use serde_json::{Value, json};
use support::client::{Answer, Client, End};
use support::sidecar::{NO_BREAKER, Sidecar};

const KEY: &str = "vendor-key-0123456789";

async fn start() -> Sidecar {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Options { require_key: Some(KEY.to_owned()), ..Options::default() }));
    let provider =
        |(kind, path): (&str, &str)| format!("  {kind}: {{type: {kind}, base_url: \"http://{at}{path}\", api_key: {KEY}, {NO_BREAKER}}}\n");
    let providers: String = VENDORS.into_iter().chain(TEXT_VENDORS).map(provider).collect();
    let custom = format!("  custom: {{type: custom, base_url: \"http://{at}/v1\", api_key: {KEY}, auth_header: X-Api-Key}}\n");
    Sidecar::start(&format!("providers:\n{providers}{custom}")).await
}

/// The vendors' types, and the path of the base URL that their own SDKs take.
const VENDORS: [(&str, &str); 9] = [
    ("openai", "/v1"),
    ("openai_responses", "/v1"),
    ("anthropic", ""),
    ("gemini", ""),
    ("ollama", ""),
    ("cohere", ""),
    ("bedrock", ""),
    ("qwen", "/compatible-mode/v1"),
    ("qwen_native", "/api/v1"),
];

/// The same for vendors that continue a text and do not chat.
const TEXT_VENDORS: [(&str, &str); 2] = [("openai_completions", "/v1"), ("ollama_generate", "")];

/// A client of one dialect.
struct Dialect {
    name: &'static str,
    path: fn(&str, bool) -> String,
    /// A request to this model that says this and has a tool of this name.
    body: fn(&str, bool, &str, &str) -> Value,
    /// The text of a whole answer, or of one event of a stream.
    text: fn(&Value) -> String,
    /// The names of the tools that are called, where the dialect has tools.
    calls: Option<fn(&Value) -> Vec<String>>,
    /// Whether an event is the last one of a whole stream.
    is_last: fn(&str) -> bool,
}

fn strings<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    values.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

const OPENAI: Dialect = Dialect {
    name: "openai_chat",
    path: |_, _| "/v1/chat/completions".to_owned(),
    body: |model, stream, said, tool| {
        json!({"model": model, "stream": stream, "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": said}],
            "tools": [{"type": "function", "function": {"name": tool, "parameters": schema()}}]})
    },
    text: |value| strings([&value["choices"][0]["message"]["content"], &value["choices"][0]["delta"]["content"]]).concat(),
    calls: Some(|value| {
        let choice = &value["choices"][0];
        let calls = list(&choice["message"]["tool_calls"]).iter().chain(list(&choice["delta"]["tool_calls"]));
        strings(calls.map(|call| &call["function"]["name"]))
    }),
    is_last: |event| event == "[DONE]",
};

const ANTHROPIC: Dialect = Dialect {
    name: "anthropic_messages",
    path: |_, _| "/v1/messages".to_owned(),
    body: |model, stream, said, tool| {
        json!({"model": model, "stream": stream, "max_tokens": 200, "system": "be brief", "messages": [{"role": "user", "content": said}],
            "tools": [{"name": tool, "input_schema": schema()}]})
    },
    text: |value| strings(list(&value["content"]).iter().map(|block| &block["text"]).chain([&value["delta"]["text"]])).concat(),
    calls: Some(|value| {
        let blocks = list(&value["content"]).iter().chain([&value["content_block"]]);
        strings(blocks.filter(|block| block["type"] == "tool_use").map(|block| &block["name"]))
    }),
    is_last: |event| event == r#"{"type":"message_stop"}"#,
};

const GEMINI: Dialect = Dialect {
    name: "gemini",
    path: |model, stream| {
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/models/{model}:{verb}")
    },
    body: |_, _, said, tool| {
        json!({"contents": [{"role": "user", "parts": [{"text": said}]}], "systemInstruction": {"parts": [{"text": "be brief"}]},
            "tools": [{"functionDeclarations": [{"name": tool, "parametersJsonSchema": schema()}]}]})
    },
    text: |value| strings(list(&value["candidates"][0]["content"]["parts"]).iter().map(|part| &part["text"])).concat(),
    calls: Some(|value| strings(list(&value["candidates"][0]["content"]["parts"]).iter().map(|part| &part["functionCall"]["name"]))),
    is_last: |event| serde_json::from_str::<Value>(event).is_ok_and(|value| value["candidates"][0]["finishReason"] == "STOP"),
};

const RESPONSES: Dialect = Dialect {
    name: "openai_responses",
    path: |_, _| "/v1/responses".to_owned(),
    body: |model, stream, said, tool| {
        json!({"model": model, "stream": stream, "instructions": "be brief", "input": said,
            "tools": [{"type": "function", "name": tool, "parameters": schema(), "strict": false}]})
    },
    text: |value| {
        let whole = list(&value["output"]).iter().flat_map(|item| list(&item["content"])).map(|part| &part["text"]);
        let delta = (value["type"] == "response.output_text.delta").then_some(&value["delta"]);
        strings(whole.chain(delta)).concat()
    },
    calls: Some(|value| {
        let added = (value["type"] == "response.output_item.added").then_some(&value["item"]);
        let calls = list(&value["output"]).iter().chain(added).filter(|item| item["type"] == "function_call");
        strings(calls.map(|item| &item["name"]))
    }),
    is_last: |event| event.contains("response.completed"),
};

const OLLAMA: Dialect = Dialect {
    name: "ollama",
    path: |_, _| "/api/chat".to_owned(),
    body: |model, stream, said, tool| {
        json!({"model": model, "stream": stream, "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": said}],
            "tools": [{"type": "function", "function": {"name": tool, "parameters": schema()}}]})
    },
    text: |value| strings([&value["message"]["content"]]).concat(),
    calls: Some(|value| strings(list(&value["message"]["tool_calls"]).iter().map(|call| &call["function"]["name"]))),
    is_last: |event| serde_json::from_str::<Value>(event).is_ok_and(|value| value["done"] == true),
};

const COMPLETIONS: Dialect = Dialect {
    name: "openai_completions",
    path: |_, _| "/v1/completions".to_owned(),
    body: |model, stream, said, _| json!({"model": model, "stream": stream, "prompt": said, "max_tokens": 200}),
    text: |value| strings([&value["choices"][0]["text"]]).concat(),
    calls: None,
    is_last: |event| event == "[DONE]",
};

const GENERATE: Dialect = Dialect {
    name: "ollama_generate",
    path: |_, _| "/api/generate".to_owned(),
    body: |model, stream, said, _| json!({"model": model, "stream": stream, "system": "be brief", "prompt": said}),
    text: |value| strings([&value["response"]]).concat(),
    calls: None,
    is_last: |event| serde_json::from_str::<Value>(event).is_ok_and(|value| value["done"] == true),
};

const COHERE: Dialect = Dialect {
    name: "cohere",
    path: |_, _| "/v2/chat".to_owned(),
    body: OLLAMA.body,
    text: |value| {
        let whole = list(&value["message"]["content"]).iter().map(|block| &block["text"]);
        strings(whole.chain([&value["delta"]["message"]["content"]["text"]])).concat()
    },
    calls: Some(|value| {
        let begun = &value["delta"]["message"]["tool_calls"];
        strings(list(&value["message"]["tool_calls"]).iter().chain([begun]).map(|call| &call["function"]["name"]))
    }),
    is_last: |event| event == "[DONE]",
};

const DASHSCOPE: Dialect = Dialect {
    name: "dashscope",
    path: |_, _| "/api/v1/services/aigc/text-generation/generation".to_owned(),
    body: |model, stream, said, tool| {
        json!({"model": model, "stream": stream,
            "input": {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": said}]},
            "parameters": {"result_format": "message", "incremental_output": true,
                "tools": [{"type": "function", "function": {"name": tool, "parameters": schema()}}]}})
    },
    text: |value| strings([&value["output"]["choices"][0]["message"]["content"]]).concat(),
    calls: Some(|value| {
        let calls = list(&value["output"]["choices"][0]["message"]["tool_calls"]);
        strings(calls.iter().map(|call| &call["function"]["name"]))
    }),
    is_last: |event| serde_json::from_str::<Value>(event).is_ok_and(|value| value["output"]["choices"][0]["finish_reason"] == "stop"),
};

/// Its streams' messages are read as objects of one field, named as the event.
const BEDROCK: Dialect = Dialect {
    name: "bedrock_converse",
    path: |model, stream| format!("/model/{}/{}", model.replace('/', "%2F"), if stream { "converse-stream" } else { "converse" }),
    body: |_, _, said, tool| {
        json!({"messages": [{"role": "user", "content": [{"text": said}]}], "system": [{"text": "be brief"}],
            "toolConfig": {"tools": [{"toolSpec": {"name": tool, "inputSchema": {"json": schema()}}}]}})
    },
    text: |value| {
        let whole = list(&value["output"]["message"]["content"]).iter().map(|block| &block["text"]);
        strings(whole.chain([&value["contentBlockDelta"]["delta"]["text"]])).concat()
    },
    calls: Some(|value| {
        let whole = list(&value["output"]["message"]["content"]).iter().map(|block| &block["toolUse"]["name"]);
        strings(whole.chain([&value["contentBlockStart"]["start"]["toolUse"]["name"]]))
    }),
    is_last: |event| event.starts_with("{\"metadata\""),
};

const CLIENTS: [Dialect; 10] = [OPENAI, ANTHROPIC, GEMINI, RESPONSES, OLLAMA, COMPLETIONS, GENERATE, COHERE, DASHSCOPE, BEDROCK];

impl Dialect {
    async fn ask(&self, sidecar: &Sidecar, model: &str, stream: bool, said: &str) -> Answer {
        sidecar.post(&(self.path)(model, stream), &(self.body)(model, stream, said, "get_weather")).await
    }
}

/// The JSON texts of a whole answer's or a stream's parts.
fn told(answer: &Answer, stream: bool) -> Vec<String> {
    if !stream {
        return vec![answer.text()];
    }
    if answer.head.header("content-type") == Some("application/vnd.amazon.eventstream") {
        return messages(&answer.body);
    }
    let text = answer.text();
    let data = |line: &str| line.strip_prefix("data:").or_else(|| line.starts_with('{').then_some(line)).map(|data| data.trim().to_owned());
    text.lines().filter_map(data).collect()
}

/// The events and exceptions of AWS's framing.
fn messages(mut stream: &[u8]) -> Vec<String> {
    let (mut splitter, mut told) = (Framing::Aws.splitter(), Vec::new());
    while let Some(end) = splitter.frame_end(stream).filter(|_| !stream.is_empty()) {
        let frame = Framing::Aws.read(&stream[..end]).unwrap().unwrap();
        told.push(format!("{{\"{}\":{}}}", String::from_utf8_lossy(frame.name), String::from_utf8_lossy(&frame.data)));
        stream = &stream[end..];
    }
    told
}

#[tokio::test]
async fn every_client_reaches_every_vendor() {
    let sidecar = start().await;
    for client in CLIENTS {
        for (vendor, _) in VENDORS {
            for stream in [false, true] {
                let about = format!("{} before {vendor}, streamed: {stream}", client.name);
                let model = format!("{vendor}/m");
                let answer = client.ask(&sidecar, &model, stream, "Grüße 😀").await;
                assert_eq!((answer.status(), answer.end), (200, End::Clean), "{about}: {}", answer.text());
                let events = told(&answer, stream);
                let values: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
                assert_eq!(values.iter().map(client.text).collect::<String>(), "You said: Grüße 😀", "{about}: {}", answer.text());
                assert!(!stream || (client.is_last)(events.last().unwrap()), "{about}: {}", answer.text());

                let Some(calls) = client.calls else { continue };
                let answer = client.ask(&sidecar, &model, stream, "please get_weather").await;
                let values: Vec<Value> = told(&answer, stream).iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
                assert_eq!(values.iter().flat_map(calls).collect::<Vec<_>>(), ["get_weather"], "{about}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn every_client_is_told_of_errors_in_its_own_words() {
    for client in CLIENTS {
        // A vendor that has failed all clients would be left alone.
        let sidecar = start().await;
        for (vendor, _) in VENDORS {
            let answer = client.ask(&sidecar, &format!("{vendor}/m"), false, "[sim status=400]").await;
            assert_eq!(answer.status(), 400, "{} before {vendor}: {}", client.name, answer.text());
            let body = answer.json();
            let error = body.get("error").unwrap_or(&body);
            let message = if error.is_string() { error } else { &error["message"] };
            assert_eq!(message, "simulated error", "{} before {vendor}: {}", client.name, answer.text());
            // A stream that ends without its end is told, and ends uncleanly.
            let answer = client.ask(&sidecar, &format!("{vendor}/m"), true, "a b c d e [sim fault=cut]").await;
            assert!(answer.status() >= 500 || answer.end == End::Cut, "{} before {vendor}: {}", client.name, answer.text());
            assert!(answer.text().to_lowercase().contains("error"), "{} before {vendor}: {}", client.name, answer.text());
            assert!(!told(&answer, true).iter().any(|event| (client.is_last)(event)), "{} before {vendor}: {}", client.name, answer.text());
        }
    }
}

#[tokio::test]
async fn a_text_is_continued_by_vendors_that_do_not_chat() {
    let sidecar = start().await;
    for (vendor, _) in TEXT_VENDORS {
        let model = format!("{vendor}/m");
        for stream in [false, true] {
            let answer = COMPLETIONS.ask(&sidecar, &model, stream, "Grüße 😀").await;
            let values: Vec<Value> = told(&answer, stream).iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
            assert_eq!(values.iter().map(COMPLETIONS.text).collect::<String>(), "You said: Grüße 😀", "{vendor}: {}", answer.text());
            let chat = json!({"model": model, "stream": stream, "max_tokens": 200, "messages": [{"role": "user", "content": "Grüße 😀"}]});
            let answer = sidecar.post("/v1/messages", &chat).await;
            assert_eq!((answer.status(), answer.end), (200, End::Clean), "{vendor}: {}", answer.text());
            let values: Vec<Value> = told(&answer, stream).iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
            assert_eq!(values.iter().map(ANTHROPIC.text).collect::<String>(), "You said: Grüße 😀", "{vendor}: {}", answer.text());
        }
        // Tools cannot be told to such a vendor.
        let refused = OPENAI.ask(&sidecar, &model, false, "please get_weather").await;
        refused.assert_error(400, "invalid_request_error", "unsupported_parameter");
        assert_eq!(refused.json()["error"]["param"], "tools");
    }
}

#[tokio::test]
async fn ollamas_prompts_are_relayed_to_its_servers_and_translated_for_others() {
    let sidecar = start().await;
    let ask = |vendor: &str, more: Value| {
        let mut body = json!({"model": format!("{vendor}/m"), "prompt": "hi", "stream": false});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (key, value) in [("raw", json!(true)), ("context", json!([1, 2])), ("suffix", json!("end")), ("prompt", json!(""))] {
        let mut body = ask("anthropic", json!({}));
        body[key] = value;
        let refused = sidecar.post("/api/generate", &body).await;
        assert!(refused.status() == 400 && refused.json()["error"].as_str().unwrap().contains(key), "{key}: {}", refused.text());
    }
    // The simulator refuses them too, but it is the one that says so.
    let relayed = sidecar.post("/api/generate", &ask("ollama", json!({"raw": true}))).await;
    assert_eq!((relayed.status(), relayed.head.header("x-llm-provider")), (400, Some("ollama")));
    let thought = sidecar.post("/api/generate", &ask("anthropic", json!({"think": true, "options": {"num_predict": 2000}}))).await.json();
    assert_eq!((&thought["response"], &thought["done_reason"]), (&json!("You said: hi"), &json!("stop")));
    assert!(thought["thinking"].as_str().unwrap().contains("2 characters") && thought["eval_count"].as_u64() > Some(0), "{thought}");
    // What the official client asks before it chats.
    let version = Client::connect(sidecar.data).await.get("/api/version").await.json();
    assert_eq!(version, json!({"version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(Client::connect(sidecar.data).await.get("/api/ps").await.json(), json!({"models": []}));
    let shown = sidecar.post("/api/show", &json!({"model": "anthropic/m"})).await.json();
    assert_eq!((&shown["capabilities"], &shown["details"]["family"]), (&json!(["completion"]), &json!("anthropic")));
    let unknown = sidecar.post("/api/show", &json!({"name": "nobody"})).await;
    assert_eq!(unknown.status(), 404, "{}", unknown.text());
}

#[tokio::test]
async fn prompts_are_relayed_where_the_vendor_has_them() {
    let sidecar = start().await;
    for prompt in [json!(["a", "b"]), json!([1, 2])] {
        let refused = sidecar.post("/v1/completions", &json!({"model": "anthropic/m", "prompt": prompt})).await;
        refused.assert_error(400, "invalid_request_error", "unsupported_parameter");
        assert_eq!(refused.json()["error"]["param"], "prompt");
    }
    // What a chat cannot choose from is named, and what it can say of the prompt is said.
    let body = json!({"model": "anthropic/m", "prompt": "Once", "echo": true, "best_of": 3});
    let answer = sidecar.post("/v1/completions", &body).await;
    assert_eq!((answer.status(), answer.head.header("x-llm-dropped")), (200, Some("best_of")), "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["text"], "OnceYou said: Once");
    assert_eq!(answer.json()["object"], "text_completion");
    let cut = sidecar.post("/v1/completions", &json!({"model": "gemini/m", "prompt": "word ".repeat(40)})).await;
    assert_eq!(cut.json()["choices"][0]["finish_reason"], "length", "sixteen tokens unless more are asked for: {}", cut.text());
    let azure = sidecar.post("/openai/deployments/anthropic%2Fm/completions?api-version=2024-10-21", &json!({"prompt": "hi"})).await;
    assert_eq!(azure.json()["choices"][0]["text"], "You said: hi", "{}", azure.text());
}

#[tokio::test]
async fn a_key_goes_where_the_provider_says() {
    let sidecar = start().await;
    let answer = OPENAI.ask(&sidecar, "custom/m", false, "hi").await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "You said: hi", "{}", answer.text());
}

/// What needs a vendor that keeps answers goes to one that has the API, and is refused where it would be translated.
#[tokio::test]
async fn responses_are_relayed_where_the_vendor_has_them() {
    let sidecar = start().await;
    let ask = |model: &str| json!({"model": model, "input": "hi", "previous_response_id": "resp_1"});
    let refused = sidecar.post("/v1/responses", &ask("anthropic/m")).await;
    refused.assert_error(400, "invalid_request_error", "unsupported_parameter");
    assert_eq!(refused.json()["error"]["param"], "previous_response_id");
    // The simulator keeps no answers either, but it is the one that says so.
    let relayed = sidecar.post("/v1/responses", &ask("openai/m")).await;
    assert_eq!((relayed.status(), relayed.head.header("x-llm-provider")), (400, Some("openai")));
}

/// Qwen thinks in streams only: a whole answer is put together of one.
#[tokio::test]
async fn a_whole_answer_is_put_together_where_the_vendor_streams_only() {
    let sidecar = start().await;
    for vendor in ["qwen", "qwen_native"] {
        let body = json!({"model": format!("{vendor}/m"), "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low"});
        let answer = sidecar.post("/v1/chat/completions", &body).await.json();
        let message = &answer["choices"][0]["message"];
        assert_eq!((&message["content"], &answer["object"]), (&json!("You said: hi"), &json!("chat.completion")), "{vendor}: {answer}");
        // As a vendor of OpenAI's format the simulator does not know `enable_thinking`.
        if vendor == "qwen_native" {
            assert!(message["reasoning_content"].as_str().is_some_and(|text| text.starts_with("The user said")), "{answer}");
            assert!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64() > Some(0), "{answer}");
        }
    }
}

/// DashScope's clients say in the path what a request is about, and in a header whether they want a stream.
#[tokio::test]
async fn dashscope_is_asked_at_two_paths_and_streams_by_a_header() {
    let sidecar = start().await;
    for vendor in ["qwen", "qwen_native", "anthropic"] {
        let body = json!({"model": format!("{vendor}/m"), "input": {"messages": [{"role": "user", "content": [{"text": "one two"}]}]}});
        let mut client = Client::connect(sidecar.data).await;
        let path = "/api/v1/services/aigc/multimodal-generation/generation";
        client.post_with(path, &[("x-dashscope-sse", "enable")], &body).await;
        let answer = client.answer().await;
        let last: Value = serde_json::from_str(told(&answer, true).last().unwrap()).unwrap();
        let choice = &last["output"]["choices"][0];
        assert_eq!(
            choice["message"]["content"],
            json!([{"text": "You said: one two"}]),
            "{vendor}: all of it, in parts: {}",
            answer.text()
        );
        assert_eq!((&choice["finish_reason"], answer.end), (&json!("stop"), End::Clean), "{vendor}");
    }
    let error = sidecar.post("/api/v1/services/aigc/text-generation/generation", &json!({"model": "qwen/m"})).await;
    let told = error.json();
    assert_eq!((error.status(), &told["code"], told["request_id"].is_string()), (400, &json!("InvalidParameter"), true), "{told}");
}

#[tokio::test]
async fn tokens_are_counted_by_the_vendor_or_estimated() {
    let sidecar = start().await;
    let gemini = json!({"contents": [{"parts": [{"text": "How many tokens are in this sentence?"}]}]});
    let anthropic = json!({"messages": [{"role": "user", "content": "How many tokens are in this sentence?"}]});
    for (vendor, _) in VENDORS {
        let counts = ["anthropic", "gemini", "bedrock"].contains(&vendor);
        let answer = sidecar.post(&format!("/v1beta/models/{vendor}/m:countTokens"), &gemini).await;
        assert!((5..30).contains(&answer.json()["totalTokens"].as_u64().unwrap()), "{vendor}: {}", answer.text());
        assert_eq!(answer.head.header("x-llm-estimated").is_none(), counts, "{vendor}");
        let body = json!({"model": format!("{vendor}/m"), "messages": anthropic["messages"]});
        let answer = sidecar.post("/v1/messages/count_tokens", &body).await;
        assert!((5..30).contains(&answer.json()["input_tokens"].as_u64().unwrap()), "{vendor}: {}", answer.text());
        assert_eq!(answer.head.header("x-llm-estimated").is_none(), counts, "{vendor}");
        let converse = json!({"messages": [{"role": "user", "content": [{"text": "How many tokens are in this sentence?"}]}]});
        let answer = sidecar.post(&format!("/model/{vendor}%2Fm/count-tokens"), &json!({"input": {"converse": converse}})).await;
        assert!((5..30).contains(&answer.json()["inputTokens"].as_u64().unwrap()), "{vendor}: {}", answer.text());
        assert_eq!(answer.head.header("x-llm-estimated").is_none(), counts, "{vendor}");
    }
}

/// What a vendor refuses to count is estimated for a client of another dialect; one of its own is told why.
#[tokio::test]
async fn what_a_vendor_does_not_count_is_estimated() {
    let sidecar = start().await;
    let count = |vendor: &str, said: &str| json!({"model": format!("{vendor}/m"), "messages": [{"role": "user", "content": said}]});
    let estimated = sidecar.post("/v1/messages/count_tokens", &count("gemini", "one two [sim status=400]")).await;
    assert_eq!((estimated.status(), estimated.head.header("x-llm-estimated")), (200, Some("input_tokens")), "{}", estimated.text());
    assert!(estimated.json()["input_tokens"].as_u64().unwrap() > 0);
    let told = sidecar.post("/v1/messages/count_tokens", &count("anthropic", "one two [sim status=400]")).await;
    assert_eq!(told.status(), 400, "{}", told.text());
    let down = sidecar.post("/v1/messages/count_tokens", &count("gemini", "one two [sim status=503]")).await;
    assert!(down.status() >= 500, "{}", down.text());
}

#[tokio::test]
async fn models_are_listed_in_the_clients_shape() {
    let sidecar = start().await;
    let list = Client::connect(sidecar.data).await.get("/v1beta/models").await.json();
    let names = strings(list["models"].as_array().unwrap().iter().map(|model| &model["name"]));
    for name in ["models/openai/gpt-4o", "models/anthropic/claude-sonnet-4-5", "models/gemini/gemini-2.5-flash"] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    let tags = Client::connect(sidecar.data).await.get("/api/tags").await.json();
    assert!(strings(list["models"].as_array().unwrap().iter().map(|model| &model["name"])).contains(&"models/ollama/qwen3:8b".to_owned()));
    assert!(strings(tags["models"].as_array().unwrap().iter().map(|model| &model["model"])).contains(&"ollama/qwen3:8b".to_owned()));
    let mut client = Client::connect(sidecar.data).await;
    client.send("GET /v1/models?page_size=50 HTTP/1.1\r\nhost: a\r\nx-fern-sdk-name: cohere\r\n\r\n").await;
    let list = client.answer().await.json();
    let names = strings(list["models"].as_array().unwrap().iter().map(|model| &model["name"]));
    assert!(names.contains(&"cohere/command-a-03-2025".to_owned()), "{names:?}");
    let one = Client::connect(sidecar.data).await.get("/v1beta/models/gemini/gemini-2.5-flash").await.json();
    assert_eq!(one["name"], "models/gemini/gemini-2.5-flash");
    let unknown = Client::connect(sidecar.data).await.get("/v1beta/nothing").await;
    assert_eq!((unknown.status(), &unknown.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
}

/// Bedrock's clients know an error by its class, which is in a header; the vendor's own class comes through.
#[tokio::test]
async fn bedrocks_clients_are_told_an_errors_class() {
    let sidecar = start().await;
    for (status, told, class) in [
        (400, 400, "ValidationException"),
        (401, 403, "AccessDeniedException"),
        (404, 404, "ResourceNotFoundException"),
        (429, 429, "ThrottlingException"),
        (503, 503, "ServiceUnavailableException"),
    ] {
        for vendor in ["bedrock", "openai"] {
            let answer = BEDROCK.ask(&sidecar, &format!("{vendor}/m"), false, &format!("[sim status={status}]")).await;
            assert_eq!((answer.status(), answer.head.header("x-amzn-errortype")), (told, Some(class)), "{vendor}: {}", answer.text());
            assert_eq!(answer.head.header("x-amzn-requestid"), answer.head.header("x-request-id"));
        }
    }
    let unknown = sidecar.post("/model/m/invoke", &json!({})).await;
    assert_eq!((unknown.status(), unknown.head.header("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
}

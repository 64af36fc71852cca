//! The vendor simulator over its sockets: both dialects, every endpoint, every directive that changes bytes or framing.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use base64::Engine;
use llm_sidecar::simulate::{Options, serve};
use serde_json::{Value, json};
use support::client::{Answer, Client, End};

struct Simulator(std::net::SocketAddr);

impl Simulator {
    /// Starts on a free port, for as long as the test's runtime lives.
    async fn start(options: Options) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, options));
        Self(address)
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut client = Client::connect(self.0).await;
        client.post_with(path, headers, body).await;
        client.answer().await
    }

    async fn chat(&self, said: &str, stream: bool) -> Answer {
        self.post("/v1/chat/completions", &[], &chat(said, stream)).await
    }

    async fn messages(&self, said: &str, stream: bool) -> Answer {
        self.post("/v1/messages", &[], &messages(said, stream)).await
    }
}

fn chat(said: &str, stream: bool) -> Value {
    json!({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": said}]})
}

fn messages(said: &str, stream: bool) -> Value {
    json!({"model": "claude", "max_tokens": 500, "stream": stream, "messages": [{"role": "user", "content": said}]})
}

#[tokio::test]
async fn both_dialects_echo_whole_and_streamed() {
    let simulator = Simulator::start(Options::default()).await;
    let whole = simulator.chat("Good morning", false).await;
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "You said: Good morning");
    assert_eq!(whole.json()["usage"]["completion_tokens"], 6);
    let streamed = simulator.chat("Good morning", true).await;
    streamed.assert_whole();
    assert_eq!(streamed.streamed_text(), "You said: Good morning");
    let whole = simulator.messages("Good morning", false).await;
    assert_eq!(whole.json()["content"][0]["text"], "You said: Good morning");
    assert!(whole.head.header("request-id").is_some());
    let streamed = simulator.messages("Good morning", true).await;
    assert_eq!((streamed.status(), streamed.end), (200, End::Clean));
    assert!(streamed.text().ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"), "{}", streamed.text());
    let same = simulator.chat("Good morning", false).await;
    assert_eq!(same.json()["id"], simulator.chat("Good morning", false).await.json()["id"], "answers are the same each time");
}

#[tokio::test]
async fn azure_paths_name_the_model_by_deployment() {
    let simulator = Simulator::start(Options::default()).await;
    let body = json!({"messages": [{"role": "user", "content": "hello"}]});
    let answer = simulator.post("/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21", &[], &body).await;
    assert_eq!(answer.json()["model"], "my-gpt", "{}", answer.text());
    assert_eq!(simulator.post("/openai/v1/chat/completions", &[], &chat("hello", false)).await.status(), 200);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_quoted() {
    let simulator = Simulator::start(Options::default()).await;
    let mut body = chat("please use get_weather", false);
    body["tools"] = json!([{"type": "function", "function": {"name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]);
    let answer = simulator.post("/v1/chat/completions", &[], &body).await.json();
    let call = answer["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!((&call["function"]["name"], &call["function"]["arguments"]), (&json!("get_weather"), &json!("{\"city\":\"example\"}")));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let turns = body["messages"].as_array_mut().unwrap();
    turns.push(answer["choices"][0]["message"].clone());
    turns.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "18 degrees"}));
    let answer = simulator.post("/v1/chat/completions", &[], &body).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "The tool answered: 18 degrees");
}

#[tokio::test]
async fn thinking_and_schemas() {
    let simulator = Simulator::start(Options::default()).await;
    let mut body = messages("hello", false);
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    body["max_tokens"] = json!(2048);
    let answer = simulator.post("/v1/messages", &[], &body).await.json();
    assert_eq!((&answer["content"][0]["type"], &answer["content"][1]["type"]), (&json!("thinking"), &json!("text")), "{answer}");
    assert!(answer["content"][0]["signature"].is_string());
    let mut body = chat("hello", false);
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object",
        "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}}}}});
    let answer = simulator.post("/v1/chat/completions", &[], &body).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "{\"n\":3}");
}

#[tokio::test]
async fn status_and_wait_are_told_in_the_dialect() {
    let simulator = Simulator::start(Options::default()).await;
    let answer = simulator.chat("hello [sim status=429 retry-after=2]", true).await;
    answer.assert_error(429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(answer.head.header("retry-after"), Some("2"));
    let answer = simulator.post("/v1/messages", &[("x-sim-status", "529")], &messages("hello", false)).await;
    assert_eq!((answer.status(), &answer.json()["error"]["type"]), (529, &json!("overloaded_error")));
    assert!(answer.json()["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{}", answer.text());
    for expected in [503, 503, 200, 503] {
        assert_eq!(simulator.chat("again [sim status=503 times=2]", false).await.status(), expected);
    }
    simulator.chat("[sim colour=red]", false).await.assert_error(400, "invalid_request_error", "unknown_directive");
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    let simulator = Simulator::start(Options::default()).await;
    let ask = async |fault: &str, stream: bool| simulator.chat(&format!("one two three four [sim fault={fault}]"), stream).await;
    for stream in [false, true] {
        assert_eq!(ask("cut", stream).await.end, End::Cut);
        assert_eq!(ask("reset", stream).await.end, End::Reset);
        assert_eq!(ask("html", stream).await.head.header("content-type"), Some("text/html"));
        for fault in ["garbage", "truncated-json"] {
            let answer = ask(fault, stream).await;
            assert_eq!((answer.status(), answer.end), (200, End::Clean), "{fault}");
            let bad = if stream { answer.events() } else { vec![answer.text()] };
            let broken = |text: &String| text != "[DONE]" && serde_json::from_str::<Value>(text).is_err();
            assert!(bad.iter().any(broken), "{fault}: {}", answer.text());
        }
        assert!(ask("error-event", stream).await.text().contains("\"error\""));
    }
    let unfinished = ask("no-finish", true).await;
    assert_eq!(unfinished.end, End::Clean);
    assert_eq!(unfinished.streamed_text(), "You said: one two three four");
    assert!(!unfinished.text().contains("\"stop\"") && !unfinished.text().contains("[DONE]"));
    let early = simulator.chat("one two three four [sim fault=cut fault-after=1]", true).await;
    assert_eq!((early.streamed_text().as_str(), early.end), ("You ", End::Cut));
    // A stall is silence on an open connection.
    let mut client = Client::connect(simulator.0).await;
    client.post("/v1/chat/completions", &chat("one two [sim fault=stall]", true)).await;
    client.head().await;
    while client.piece().await.is_ok_and(|piece| !String::from_utf8_lossy(&piece).contains("one ")) {}
    let silence = tokio::time::timeout(std::time::Duration::from_millis(100), client.piece()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn pace_and_size_are_as_asked() {
    let simulator = Simulator::start(Options::default()).await;
    let started = tokio::time::Instant::now();
    let answer = simulator.chat("[sim delay-ms=50 first-token-ms=50 chunk-ms=10 chunks=6 chunk-bytes=4]", true).await;
    assert!(started.elapsed() >= std::time::Duration::from_millis(150), "{:?}", started.elapsed());
    assert_eq!(answer.streamed_text().len(), 24);
    assert_eq!(answer.events().iter().filter(|event| event.contains("\"content\":\"") && !event.contains("\"role\"")).count(), 6);
}

#[tokio::test]
async fn the_other_endpoints() {
    let simulator = Simulator::start(Options { models: vec!["a".into(), "b".into()], ..Options::default() }).await;
    let mut client = Client::connect(simulator.0).await;
    let models = client.get("/v1/models").await.json();
    assert_eq!((&models["object"], &models["data"][1]["id"]), (&json!("list"), &json!("b")));
    let vector = simulator
        .post("/v1/embeddings", &[], &json!({"model": "e", "input": "x", "dimensions": 4, "encoding_format": "base64"}))
        .await
        .json();
    let bytes = base64::engine::general_purpose::STANDARD.decode(vector["data"][0]["embedding"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 16);
    let count = simulator
        .post("/v1/messages/count_tokens", &[], &json!({"model": "m", "messages": [{"role": "user", "content": "12345678"}]}))
        .await;
    assert_eq!(count.json(), json!({"input_tokens": 2}));
    let text = simulator.post("/v1/completions", &[], &json!({"model": "m", "prompt": "hi"})).await;
    assert_eq!(text.json()["choices"][0]["text"], "You said: hi");
    let flagged = simulator.post("/v1/moderations", &[], &json!({"input": ["fine", "flagme"]})).await.json();
    assert_eq!((&flagged["results"][0]["flagged"], &flagged["results"][1]["flagged"]), (&json!(false), &json!(true)));
    let speech = simulator.post("/v1/audio/speech", &[], &json!({"input": "x", "response_format": "wav"})).await;
    assert_eq!((speech.head.header("content-type"), speech.body.len()), (Some("audio/wav"), 32768));
    let missing = client.get("/v1/nothing").await;
    missing.assert_error(404, "invalid_request_error", "unknown_url");
}

#[tokio::test]
async fn uploads_are_counted_and_come_back() {
    let simulator = Simulator::start(Options::default()).await;
    let content = "line\r\n--not the boundary\r\n".repeat(10_000);
    let body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--b\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{content}\r\n--b--\r\n"
    );
    let mut client = Client::connect(simulator.0).await;
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(head + &body).await;
    let file = client.answer().await.json();
    assert_eq!((&file["bytes"], &file["filename"], &file["purpose"]), (&json!(content.len()), &json!("a.txt"), &json!("assistants")));
    let back = client.get(&format!("/v1/files/{}/content", file["id"].as_str().unwrap())).await;
    assert_eq!(back.text(), content);
}

#[tokio::test]
async fn a_key_may_be_required() {
    let simulator = Simulator::start(Options { require_key: Some("sk-1".into()), ..Options::default() }).await;
    simulator.chat("hello", false).await.assert_error(401, "authentication_error", "invalid_api_key");
    for header in [("authorization", "Bearer sk-1"), ("x-api-key", "sk-1"), ("api-key", "sk-1")] {
        assert_eq!(simulator.post("/v1/chat/completions", &[header], &chat("hello", false)).await.status(), 200);
    }
}

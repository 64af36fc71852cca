//! Where the network cuts a stream does not matter (R01), and costs nothing beyond its packets (R41).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::client::Answer;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

/// Streams of OpenAI's dialect that say the same in different bytes.
fn openai_streams() -> Vec<(&'static str, String)> {
    let plain = chat::stream(&["naïve ", "漢字 😀", " end"]);
    let call = |arguments: &str| chat::delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}));
    let start = chat::delta(json!({"role": "assistant", "content": null,
        "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}));
    let tools = [start, call("{\"city\": \"Kö"), call("ln\"}")].iter().map(|event| format!("data: {event}\n\n")).collect::<String>();
    let finish = chat::finish().to_string().replace("\"stop\"", "\"tool_calls\"");
    vec![
        ("CRLF", plain.replace('\n', "\r\n")),
        ("CR", plain.replace('\n', "\r")),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("comments", format!(": hello\n\n{}", plain.replace("data: {", ": ping\n\ndata: {"))),
        ("no space after the colon", plain.replace("data: ", "data:")),
        ("data over several lines", plain.replace("\"choices\":", "\ndata: \"choices\":")),
        ("other fields", plain.replace("data: {", "id: 7\nretry: 10\ndata: {")),
        ("tool calls", format!("{tools}data: {finish}\n\ndata: [DONE]\n\n")),
        ("plain", plain),
    ]
}

fn messages_streams() -> Vec<(&'static str, String)> {
    let plain = chat::messages_stream(&["naïve ", "漢字 😀"]);
    let mut tools = chat::message_start();
    for event in [
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"city\": \"Kö"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "ln\"}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ] {
        tools += &chat::named(&event);
    }
    vec![("Messages", plain.clone()), ("Messages, CRLF", plain.replace('\n', "\r\n")), ("Messages, tools", tools)]
}

/// What a client makes of a stream: its events as JSON, without the time the sidecar gave them.
fn meaning(answer: &Answer) -> Vec<Value> {
    let text = answer.text().replace("\r\n", "\n").replace('\r', "\n");
    let events = text.trim_start_matches('\u{feff}').split("\n\n").map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    });
    let events = events.filter(|data| !data.is_empty());
    events
        .map(|data| {
            let mut event = serde_json::from_str(&data).unwrap_or(Value::String(data));
            if let Some(object) = event.as_object_mut() {
                object.remove("created");
            }
            event
        })
        .collect()
}

/// All the ways to cut `bytes` in two, the single bytes, and some at random.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut all: Vec<Vec<&[u8]>> = (1..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]).collect();
    all.push(bytes.chunks(1).collect());
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20 {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(60)));
            pieces.push(piece);
            rest = after;
        }
        all.push(pieces);
    }
    all
}

async fn every_cut_means_the_same(kind: &str, streams: Vec<(&'static str, String)>) {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
    let mut client = sidecar.connect().await;
    for (what, stream) in streams {
        let mut ask = async |script: Script| {
            upstream.script(script);
            client.post("/v1/chat/completions", &chat::request(true)).await;
            client.answer().await
        };
        let whole = ask(Script::sse().chunk(&stream).end()).await;
        assert_eq!(whole.status(), 200, "{what}: {}", whole.text());
        let expected = meaning(&whole);
        assert_eq!(expected.last(), Some(&Value::from("[DONE]")), "{what}: {}", whole.text());
        assert!(!whole.text().contains('\u{fffd}'), "{what}");
        for pieces in cuts(stream.as_bytes()) {
            let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).take(4).collect();
            let cut = ask(Script::sse().chunks(pieces).end()).await;
            assert_eq!(meaning(&cut), expected, "{what}, cut into {lengths:?}...");
        }
    }
}

#[tokio::test]
async fn r01_a_relayed_stream_means_the_same_however_it_is_cut() {
    every_cut_means_the_same("openai_compatible", openai_streams()).await;
}

#[tokio::test]
async fn r01_a_translated_stream_means_the_same_however_it_is_cut() {
    every_cut_means_the_same("anthropic", messages_streams()).await;
}

#[tokio::test]
async fn r01_a_relayed_stream_keeps_its_bytes() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let stream = chat::stream(&["naïve ", "漢字 😀"]);
    for size in [1, 7, 100, stream.len()] {
        upstream.script(Script::sse().chunks(stream.as_bytes().chunks(size)).end());
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.text(), stream, "in pieces of {size}");
    }
}

#[tokio::test]
async fn r41_a_large_event_in_small_pieces_costs_in_proportion() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let mut client = sidecar.connect().await;
    let mut cost = async |length: usize| {
        let stream = chat::stream(&["x".repeat(length).as_str()]);
        upstream.script(Script::sse().chunks(stream.as_bytes().chunks(32)).end());
        let before = sidecar.processor_time();
        client.post("/v1/chat/completions", &chat::request(true)).await;
        let answer = client.answer().await;
        answer.assert_whole();
        assert_eq!(answer.body.len(), stream.len());
        sidecar.processor_time() - before
    };
    cost(64 << 10).await;
    let (small, large) = (cost(256 << 10).await, cost(1 << 20).await);
    // Four times the bytes: four times the cost, and room for a busy machine. Copying all that is held for each piece would
    // make it sixteen.
    assert!(large < small * 8 + Duration::from_millis(200), "{small:?} for 256 KiB, {large:?} for 1 MiB");
}

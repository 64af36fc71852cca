//! R01: where the network cuts a stream does not matter.
//!
//! Every stream of the corpus is cut in two at every byte, into single bytes, and at random.

use serde_json::{Value, json};

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::plan::Plan;
use crate::support::chat;
use crate::support::client::Answer;
use crate::support::invariants;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

/// Random cuts of each stream.
const RANDOM: usize = 1000;

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

/// All the ways to cut `bytes` in two (or, at a small volume, some of them), the single bytes, and some at random.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let step = (bytes.len() / volume(bytes.len())).max(1);
    let mut all: Vec<Vec<&[u8]>> = (1..bytes.len()).step_by(step).map(|at| vec![&bytes[..at], &bytes[at..]]).collect();
    all.push(bytes.chunks(1).collect());
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..volume(RANDOM) {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(120)));
            pieces.push(piece);
            rest = after;
        }
        all.push(pieces);
    }
    all
}

async fn every_cut_means_the_same(kind: &str, streams: Vec<(&'static str, String)>) {
    let upstream = Upstream::start().await;
    let plan = Plan::of(&upstream);
    let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
    let of_one = async |number: usize| {
        let (what, stream) = &streams[number];
        let mut client = sidecar.connect().await;
        let mut told = Vec::new();
        let mut expected = Vec::new();
        for (round, pieces) in std::iter::once(vec![stream.as_bytes()]).chain(cuts(stream.as_bytes())).enumerate() {
            let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).take(4).collect();
            let ask = Ask::new(format!("{number}-{round}"), true);
            plan.set(&ask.id, Script::sse().chunks(pieces).end());
            let one = ask.on(&mut client).await;
            let answer = one.answer.as_ref().unwrap();
            let meant = meaning(answer);
            if round == 0 {
                assert_eq!(meant.last(), Some(&Value::from("[DONE]")), "{what}: {}", answer.text());
                assert!(!answer.text().contains('\u{fffd}'), "{what}");
                expected = meant;
            } else {
                assert_eq!(meant, expected, "{what}, cut into {lengths:?}...");
            }
            told.push(one);
        }
        told
    };
    let told = many(streams.len(), 3, of_one).await.concat();
    tell("R01", format_args!("{kind}: {} streams, {} cuts, no difference", streams.len(), told.len()));
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r01_a_relayed_stream_means_the_same_however_it_is_cut() {
    let _turn = turn::shared().await;
    every_cut_means_the_same("openai_compatible", openai_streams()).await;
}

#[tokio::test]
async fn r01_a_translated_stream_means_the_same_however_it_is_cut() {
    let _turn = turn::shared().await;
    every_cut_means_the_same("anthropic", messages_streams()).await;
}

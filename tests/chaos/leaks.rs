//! R29: whatever requests come to, nothing of them stays.

use serde_json::json;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::support::chat;
use crate::support::client::{Client, End};
use crate::support::invariants::{self, CANARY, Told};
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Seen, Upstream};
use crate::turn;
use crate::volume::volume;

const REQUESTS: usize = 30_000;
const CLIENTS: usize = 16;
const KINDS: usize = 14;

/// What the vendors do with a request of this kind.
fn script(seen: &Seen, anthropic: bool) -> Script {
    let user = seen.user().unwrap();
    let kind: usize = user.rsplit('-').next().unwrap().parse().unwrap();
    let stream = if anthropic { chat::messages_stream(&["hello"]) } else { chat::stream(&["hello"]) };
    let at = stream.find("hello").unwrap() + 20;
    match kind {
        0..=2 if anthropic => Script::json(
            200,
            &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hello"}],
                "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 1}}),
        ),
        0..=2 => Script::json(200, &chat::completion("hello")),
        3..=5 => Script::sse().split_every(200, stream).end(),
        6 => Script::json(500, &json!({"error": {"message": "no", "type": "server_error", "param": null, "code": null}})),
        7 => Script::default().rst(),
        8 => Script::sse().chunk(&stream[..at]).rst(),
        9 => Script::sse().chunk(&stream[..at]).end(),
        10 => Script::sse().chunk(&stream).never(),
        11 => Script::json(429, &json!({"error": {"message": "no", "type": "rate_limit_error", "param": null, "code": null}})),
        _ => panic!("kind {kind} has no upstream"),
    }
}

/// One request; `client` is there afterwards if its connection can be used again.
async fn one(sidecar: &Sidecar, client: &mut Option<Client>, number: usize) -> Told {
    let kind = number % KINDS;
    let stream = matches!(kind, 3..=5 | 8..=10);
    let mut ask = Ask::new(format!("{number}-{kind}"), stream).model(["vendor/m", "other/m"][number / KINDS % 2]);
    match kind {
        12 => ask = ask.model("nobody/m"),
        13 => ask.body["messages"] = json!("not a list"),
        _ => {}
    }
    let mut connection = match client.take() {
        Some(connection) => connection,
        None => sidecar.connect().await,
    };
    if kind == 10 {
        // The client leaves when the answer has begun, or before.
        ask.send(&mut connection).await;
        if number.is_multiple_of(3) {
            let _ = connection.try_head().await;
        }
        return ask.left();
    }
    let told = ask.on(&mut connection).await;
    if told.answer.as_ref().is_some_and(|answer| answer.end == End::Clean && answer.head.header("connection") != Some("close")) {
        *client = Some(connection);
    }
    told
}

#[tokio::test]
async fn r29_nothing_stays_of_many_requests() {
    let _turn = turn::alone().await;
    let (openai, anthropic) = (Upstream::start().await, Upstream::start().await);
    openai.respond(|seen| script(seen, false));
    anthropic.respond(|seen| script(seen, true));
    let sidecar = Sidecar::start(&format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         retry: {{attempts: 1}}}}\n  other: {{type: anthropic, base_url: \"http://{}\", api_key: {CANARY}, models: [m], {NO_BREAKER}, \
         retry: {{attempts: 1}}}}\n",
        openai.address, anthropic.address
    ))
    .await;
    let each = volume(REQUESTS) / CLIENTS;
    let mut told = Vec::new();
    let mut memory = Vec::new();
    // In four parts, between which memory is looked at.
    for part in 0..4 {
        let of_one = async |number: usize| {
            let (mut client, mut told) = (None, Vec::new());
            for round in 0..each / 4 {
                told.push(one(&sidecar, &mut client, ((part * CLIENTS) + number) * (each / 4) + round).await);
            }
            told
        };
        told.extend(many(CLIENTS, CLIENTS, of_one).await.concat());
        sidecar.wait_idle().await;
        memory.push(sidecar.memory());
    }
    invariants::check(&sidecar, &[&openai, &anthropic], &told).await;
    let threads = sidecar.threads();
    tell("R29", format_args!("{} mixed requests; memory after each quarter {memory:?} KiB, {threads} threads", told.len()));
    let grown = memory[3].saturating_sub(memory[1]);
    assert!(grown < 6 << 10, "{memory:?}");
    assert!(threads < 12, "{threads} threads");
}

use std::sync::LazyLock;

use proptest::prelude::*;

use super::reply;
use super::stream::{decode, encode};
use crate::chat::{Choice, Collector, DialectId, Event, FinishReason, Message, Part, PartKind, Request, Response, Role, unfold};
use crate::dialect::bedrock_converse::BedrockConverse;
use crate::dialect::{Dialect, Quirks, To};

/// A model that takes signed reasoning.
static QUIRKS: LazyLock<Quirks> =
    LazyLock::new(|| serde_json::from_value(serde_json::json!({"request": {"converse": {"reasoning": "signed"}}})).unwrap());

fn pieces() -> impl Strategy<Value = PartKind> {
    prop_oneof![
        "\\PC{1,12}".prop_map(PartKind::Text),
        "\\PC{1,8}".prop_map(|text| PartKind::Thinking { text, signature: None }),
        ("\\PC{1,8}", "[a-zA-Z0-9+/]{1,8}").prop_map(|(text, signature)| PartKind::Thinking { text, signature: Some(signature) }),
        "[a-z]{1,8}".prop_map(|data| PartKind::RedactedThinking { data }),
        ("[a-z0-9]{1,8}", "\\PC{0,8}").prop_map(|(id, value)| PartKind::ToolCall {
            id,
            name: "f".into(),
            arguments: serde_json::json!({ "a": value }).to_string(),
            custom: false,
        }),
    ]
}

/// Neighbours of a kind are one part, as a stream cannot tell them apart.
fn answer(pieces: Vec<PartKind>) -> Response {
    let mut parts: Vec<Part> = Vec::new();
    for kind in pieces {
        match (parts.last_mut().map(|part| &mut part.kind), kind) {
            (Some(PartKind::Text(held)), PartKind::Text(more)) => held.push_str(&more),
            (Some(PartKind::Thinking { text, signature: held @ None }), PartKind::Thinking { text: more, signature }) => {
                text.push_str(&more);
                *held = signature;
            }
            (_, kind) => parts.push(kind.into()),
        }
    }
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let finish = if called { FinishReason::ToolCalls } else { FinishReason::Stop };
    Response {
        choices: vec![Choice { parts, finish, ..Choice::default() }],
        usage: Some(crate::chat::Usage::default()),
        ..Response::default()
    }
}

proptest! {
    /// Whatever the order of its pieces, an answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(pieces in prop::collection::vec(pieces(), 1..16), packet in 1_usize..64) {
        let response = answer(pieces);
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let stream = encode(events);
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        let mut collector = Collector::default();
        for event in decoded {
            collector.push(event).unwrap();
        }
        prop_assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn any_whole_answer_survives_the_wire(pieces in prop::collection::vec(pieces(), 1..16)) {
        let response = answer(pieces);
        let bytes = BedrockConverse.write_response(response.clone(), &reply());
        prop_assert_eq!(BedrockConverse.read_response(&bytes).unwrap(), response);
    }

    /// A conversation that is written for a model and read again is the same.
    #[test]
    fn any_conversation_survives_the_wire(turns in prop::collection::vec(("[a-z]{1,8}", prop::collection::vec(pieces(), 1..6)), 1..5)) {
        let request = Request { messages: conversation(turns), ..Request::new(DialectId::OpenAiChat, "m") };
        let written = BedrockConverse.write_request(&request, &To { model: "m", quirks: &QUIRKS, want_usage: true }).unwrap();
        prop_assert!(written.dropped.is_empty(), "{:?}", written.dropped);
        let read = BedrockConverse.read_request(&written.body).unwrap();
        prop_assert_eq!(read.messages, request.messages);
    }
}

/// Turns of what a model takes back, reasoning first and calls last, each call answered.
fn conversation(turns: Vec<(String, Vec<PartKind>)>) -> Vec<Message> {
    let message = |role, parts: Vec<PartKind>| Message { role, name: None, parts: parts.into_iter().map(Part::from).collect() };
    let mut messages = vec![message(Role::System, vec![PartKind::Text("s".into())])];
    let mut calls = 0;
    for (said, mut pieces) in turns {
        messages.push(message(Role::User, vec![PartKind::Text(said)]));
        pieces.retain(|kind| match kind {
            PartKind::Thinking { signature, .. } => signature.is_some(),
            PartKind::Text(text) => !text.trim().is_empty(),
            _ => true,
        });
        pieces.sort_by_key(|kind| match kind {
            PartKind::Thinking { .. } | PartKind::RedactedThinking { .. } => 0,
            PartKind::ToolCall { .. } => 2,
            _ => 1,
        });
        let mut results = Vec::new();
        for kind in &mut pieces {
            if let PartKind::ToolCall { id, .. } = kind {
                calls += 1;
                *id = format!("id{calls}");
                let parts = vec![PartKind::Text("r".into()).into()];
                results.push(PartKind::ToolResult { id: id.clone(), name: None, parts, is_error: calls % 3 == 0 });
            }
        }
        // A turn of nothing is none, and the last one may not end in white space.
        pieces.push(PartKind::Text("end".into()));
        pieces.sort_by_key(|kind| u8::from(matches!(kind, PartKind::ToolCall { .. })));
        messages.push(message(Role::Assistant, pieces));
        if !results.is_empty() {
            messages.push(message(Role::Tool, results));
        }
    }
    messages
}

#[test]
fn an_event_of_another_choice_says_nothing() {
    let other = Event::Text { choice: 1, text: "x".into() };
    assert_eq!(encode(vec![other, Event::Done]), encode(vec![Event::Done]));
}

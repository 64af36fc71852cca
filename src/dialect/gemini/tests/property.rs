use proptest::prelude::*;

use super::stream::{decode, encode};
use super::{NO_QUIRKS, reply};
use crate::chat::{Choice, Collector, DialectId, Event, FinishReason, Message, Part, PartKind, Request, Response, Role, unfold};
use crate::dialect::gemini::Gemini;
use crate::dialect::{Dialect, To, proof};

/// A part of an answer. A proof of Gemini's own belongs to the call right after it.
fn pieces() -> impl Strategy<Value = Vec<PartKind>> {
    let thinking = |text: String, signature| PartKind::Thinking { text, signature };
    prop_oneof![
        "\\PC{1,12}".prop_map(|text| vec![PartKind::Text(text)]),
        "\\PC{1,8}".prop_map(move |text| vec![thinking(text, None)]),
        ("\\PC{1,8}", "[a-zA-Z0-9+/]{1,8}").prop_map(move |(text, signature)| vec![thinking(text, Some(signature))]),
        "[a-z]{1,8}".prop_map(|data| vec![PartKind::RedactedThinking { data }]),
        ("[a-z0-9]{1,8}", "\\PC{0,8}").prop_map(|(id, value)| vec![call(id, &value)]),
        ("\\PC{0,8}", "[a-z]{4}", "[a-z0-9]{1,8}")
            .prop_map(move |(text, own, id)| { vec![thinking(text, Some(proof::mark(DialectId::Gemini, &own))), call(id, "x")] }),
    ]
}

fn call(id: String, value: &str) -> PartKind {
    PartKind::ToolCall { id, name: "f".into(), arguments: serde_json::json!({ "a": value }).to_string(), custom: false }
}

/// Neighbours of a kind are one part, as a stream cannot tell them apart.
fn answer(pieces: Vec<Vec<PartKind>>) -> Response {
    let mut parts: Vec<Part> = Vec::new();
    for kind in pieces.into_iter().flatten() {
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
    let choices = vec![Choice { parts, finish, ..Choice::default() }];
    Response { id: Some("r".into()), model: Some("m".into()), choices, ..Response::default() }
}

proptest! {
    /// Whatever the order of its pieces, an answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(pieces in prop::collection::vec(pieces(), 0..16), packet in 1_usize..64) {
        let response = answer(pieces);
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let stream = encode(events);
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        let mut collector = Collector::default();
        for event in decoded {
            collector.push(match event { Event::Usage(_) => continue, event => event }).unwrap();
        }
        prop_assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn any_whole_answer_survives_the_wire(pieces in prop::collection::vec(pieces(), 1..16)) {
        let response = answer(pieces);
        let bytes = Gemini.write_response(response.clone(), &reply());
        prop_assert_eq!(Gemini.read_response(&bytes).unwrap(), response);
    }

    /// A conversation that is written for a model and read again is the same, but for what other vendors alone can read.
    #[test]
    fn any_conversation_survives_the_wire(turns in prop::collection::vec((".{1,8}", prop::collection::vec(pieces(), 1..6)), 1..5)) {
        let mut messages = vec![Message { role: Role::System, name: None, parts: vec![PartKind::Text("s".into()).into()] }];
        let mut calls = 0;
        for (said, pieces) in turns {
            messages.push(Message { role: Role::User, name: None, parts: vec![PartKind::Text(said).into()] });
            let mut parts = answer(pieces).choices.remove(0).parts;
            parts.retain(|part| match &part.kind {
                PartKind::Thinking { signature, .. } => signature.as_deref().is_some_and(proof::is_marked),
                PartKind::RedactedThinking { .. } => false,
                _ => true,
            });
            let mut results = Vec::new();
            for part in &mut parts {
                if let PartKind::ToolCall { id, name, .. } = &mut part.kind {
                    calls += 1;
                    *id = format!("id{calls}");
                    let parts = vec![PartKind::Text("r".into()).into()];
                    results.push(PartKind::ToolResult { id: id.clone(), name: Some(name.clone()), parts, is_error: calls % 3 == 0 }.into());
                }
            }
            if !parts.is_empty() {
                messages.push(Message { role: Role::Assistant, name: None, parts });
            }
            if !results.is_empty() {
                messages.push(Message { role: Role::Tool, name: None, parts: results });
            }
        }
        let request = Request { messages, ..Request::new(DialectId::OpenAiChat, "m") };
        let written = Gemini.write_request(&request, &To { model: "gemini-3-pro-preview", quirks: &NO_QUIRKS, want_usage: true }).unwrap();
        prop_assert!(written.dropped.is_empty());
        let read = Gemini.read_request(&written.body).unwrap();
        prop_assert_eq!(joined(read.messages), joined(request.messages));
    }
}

/// Neighbouring messages of a role as one, and neighbouring texts of one as one.
fn joined(messages: Vec<Message>) -> Vec<Message> {
    let mut joined: Vec<Message> = Vec::new();
    for message in messages {
        match joined.last_mut() {
            Some(last) if last.role == message.role => last.parts.extend(message.parts),
            _ => joined.push(message),
        }
    }
    for message in &mut joined {
        let mut parts: Vec<Part> = Vec::new();
        for part in message.parts.drain(..) {
            match (parts.last_mut().map(|last| &mut last.kind), &part.kind) {
                (Some(PartKind::Text(held)), PartKind::Text(more)) => held.push_str(more),
                _ => parts.push(part),
            }
        }
        message.parts = parts;
    }
    joined
}

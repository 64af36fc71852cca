use proptest::prelude::*;

use super::stream::{decode, encode};
use super::{NO_QUIRKS, reply};
use crate::chat::{Choice, Collector, DialectId, Event, FinishReason, Message, Part, PartKind, Request, Response, Role, unfold};
use crate::dialect::openai_responses::OpenAiResponses;
use crate::dialect::{Dialect, To, proof};

fn part() -> impl Strategy<Value = PartKind> {
    let thinking = |text: String, signature| PartKind::Thinking { text, signature };
    prop_oneof![
        "\\PC{1,12}".prop_map(PartKind::Text),
        "\\PC{1,8}".prop_map(PartKind::Refusal),
        "\\PC{1,8}".prop_map(move |text| thinking(text, None)),
        ("\\PC{0,8}", "[a-zA-Z0-9+/]{1,8}").prop_map(move |(text, signature)| thinking(text, Some(signature))),
        ("\\PC{0,8}", "[a-z]{4}")
            .prop_map(move |(text, own)| thinking(text, Some(proof::mark(DialectId::OpenAiResponses, &format!("rs_1.{own}"))))),
        "[a-z]{1,8}".prop_map(|data| PartKind::RedactedThinking { data }),
        ("[a-z0-9]{1,8}", "\\PC{0,8}").prop_map(|(id, value)| PartKind::ToolCall {
            id,
            name: "f".into(),
            arguments: serde_json::json!({ "a": value }).to_string(),
            custom: false,
        }),
    ]
}

/// Neighbours of a kind are one part, as a stream cannot tell them apart. A vendor's own proof has its item's id, which a
/// client's answer does not keep: it is for another vendor then.
fn answer(parts: Vec<PartKind>) -> Response {
    let mut joined: Vec<Part> = Vec::new();
    for kind in parts {
        match (joined.last_mut().map(|part| &mut part.kind), kind) {
            (Some(PartKind::Text(held)), PartKind::Text(more)) | (Some(PartKind::Refusal(held)), PartKind::Refusal(more)) => {
                held.push_str(&more)
            }
            (Some(PartKind::Thinking { text, signature: held @ None }), PartKind::Thinking { text: more, signature }) => {
                text.push_str(&more);
                *held = signature;
            }
            (_, kind) => joined.push(kind.into()),
        }
    }
    let called = joined.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let finish = if called { FinishReason::ToolCalls } else { FinishReason::Stop };
    let choices = vec![Choice { parts: joined, finish, ..Choice::default() }];
    Response { id: Some("resp_1".into()), model: Some("m".into()), created: Some(7), choices, ..Response::default() }
}

proptest! {
    /// Whatever the order of its parts, an answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(parts in prop::collection::vec(part(), 0..16), packet in 1_usize..64) {
        let response = answer(parts);
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
    fn any_whole_answer_survives_the_wire(parts in prop::collection::vec(part(), 0..16)) {
        let response = answer(parts);
        let bytes = OpenAiResponses.write_response(response.clone(), &reply(&serde_json::json!({})));
        let read = Response { usage: None, service_tier: None, ..OpenAiResponses.read_response(&bytes).unwrap() };
        prop_assert_eq!(read, response);
    }

    /// A conversation that is written for a vendor and read again is the same, but for what other vendors alone can read.
    #[test]
    fn any_conversation_survives_the_wire(turns in prop::collection::vec((".{1,8}", prop::collection::vec(part(), 1..6)), 1..5)) {
        let mut messages = vec![Message { role: Role::System, name: None, parts: vec![PartKind::Text("s".into()).into()] }];
        for (said, parts) in turns {
            messages.push(Message { role: Role::User, name: None, parts: vec![PartKind::Text(said).into()] });
            let mut parts = answer(parts).choices.remove(0).parts;
            parts.retain(|part| match &part.kind {
                PartKind::Thinking { signature, .. } => signature.as_deref().is_some_and(proof::is_marked),
                PartKind::RedactedThinking { .. } => false,
                _ => true,
            });
            let results: Vec<Part> = parts.iter().filter_map(|part| match &part.kind {
                PartKind::ToolCall { id, .. } => {
                    Some(PartKind::ToolResult { id: id.clone(), name: None, parts: vec![PartKind::Text("r".into()).into()], is_error: false }.into())
                }
                _ => None,
            }).collect();
            if !parts.is_empty() {
                messages.push(Message { role: Role::Assistant, name: None, parts });
            }
            if !results.is_empty() {
                messages.push(Message { role: Role::Tool, name: None, parts: results });
            }
        }
        let request = Request { messages, ..Request::new(DialectId::OpenAiChat, "m") };
        let written = OpenAiResponses.write_request(&request, &To { model: "m", quirks: &NO_QUIRKS, want_usage: true }).unwrap();
        prop_assert!(written.dropped.is_empty());
        let read = OpenAiResponses.read_request(&written.body).unwrap();
        prop_assert_eq!(read.messages, request.messages);
    }
}

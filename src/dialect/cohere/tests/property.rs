use proptest::prelude::*;

use super::stream::{decode, encode};
use super::{NO_QUIRKS, call, message, reply, result, text, thinking};
use crate::chat::{Choice, Collector, DialectId, FinishReason, PartKind, Request, Response, Role, Usage, unfold};
use crate::dialect::cohere::Cohere;
use crate::dialect::{Dialect, To};

/// What the model says in one turn, in this format's order: thinking, text, calls.
fn kinds() -> impl Strategy<Value = Vec<PartKind>> {
    let calls = prop::collection::vec(("[a-z0-9]{1,8}", "\\PC{0,8}"), 0..4);
    ("\\PC{0,12}", "\\PC{0,12}", calls).prop_map(|(thought, said, calls)| {
        let mut kinds = Vec::new();
        kinds.extend((!thought.is_empty()).then(|| thinking(&thought)));
        kinds.extend((!said.is_empty()).then(|| text(&said)));
        kinds.extend(calls.into_iter().map(|(id, value)| call(&id, "f", &serde_json::json!({ "a": value }).to_string())));
        kinds
    })
}

fn answer(kinds: Vec<PartKind>, prompt: u64, completion: u64) -> Response {
    let called = kinds.iter().any(|kind| matches!(kind, PartKind::ToolCall { .. }));
    let finish = if called { FinishReason::ToolCalls } else { FinishReason::Stop };
    let choices = vec![Choice { parts: kinds.into_iter().map(Into::into).collect(), finish, ..Choice::default() }];
    let usage = Some(Usage { prompt, completion, ..Usage::default() });
    Response { id: Some("a".into()), choices, usage, ..Response::default() }
}

proptest! {
    /// An answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(kinds in kinds(), prompt in 0_u64..9, packet in 1_usize..64) {
        let response = answer(kinds, prompt, 3);
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let stream = encode(events);
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        let mut collector = Collector::default();
        decoded.into_iter().for_each(|event| collector.push(event).unwrap());
        prop_assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn any_whole_answer_survives_the_wire(kinds in kinds(), completion in 0_u64..9) {
        let response = answer(kinds, 3, completion);
        let bytes = Cohere.write_response(response.clone(), &reply());
        prop_assert_eq!(Cohere.read_response(&bytes).unwrap(), response);
    }

    /// A conversation that is written and read again is the same.
    #[test]
    fn any_conversation_survives_the_wire(turns in prop::collection::vec(("\\PC{1,8}", kinds()), 1..5)) {
        let mut messages = vec![message(Role::System, vec![text("s")])];
        for (said, kinds) in turns {
            messages.push(message(Role::User, vec![text(&said)]));
            let results: Vec<_> = kinds.iter().filter_map(|kind| match kind {
                PartKind::ToolCall { id, .. } => Some(result(id, vec![text("r")])),
                _ => None,
            }).collect();
            if !kinds.is_empty() {
                messages.push(message(Role::Assistant, kinds));
            }
            if !results.is_empty() {
                messages.push(message(Role::Tool, results));
            }
        }
        let request = Request { messages, ..Request::new(DialectId::OpenAiChat, "m") };
        let to = To { model: "command-a-reasoning-08-2025", quirks: &NO_QUIRKS, want_usage: true };
        let written = Cohere.write_request(&request, &to).unwrap();
        prop_assert!(written.dropped.is_empty());
        prop_assert_eq!(Cohere.read_request(&written.body).unwrap().messages, request.messages);
    }
}

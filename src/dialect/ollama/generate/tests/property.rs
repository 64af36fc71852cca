use proptest::prelude::*;

use super::reply;
use super::stream::{decode, encode};
use crate::chat::{Choice, Collector, FinishReason, Part, PartKind, Response, Usage, unfold};
use crate::dialect::Dialect;
use crate::dialect::ollama::OllamaGenerate;

/// An answer in this format's order: thinking, then text.
fn answer() -> impl Strategy<Value = Response> {
    ("\\PC{0,12}", "\\PC{0,12}", any::<bool>(), 0_u64..9, 0_u64..9).prop_map(|(thought, text, cut, prompt, completion)| {
        let mut kinds = Vec::new();
        if !thought.is_empty() {
            kinds.push(PartKind::Thinking { text: thought, signature: None });
        }
        if !text.is_empty() {
            kinds.push(PartKind::Text(text));
        }
        let finish = if cut { FinishReason::Length } else { FinishReason::Stop };
        let choices = vec![Choice { parts: kinds.into_iter().map(Part::from).collect(), finish, ..Choice::default() }];
        let usage = Some(Usage { prompt, completion, ..Usage::default() });
        Response { model: Some("m".into()), created: Some(7), choices, usage, ..Response::default() }
    })
}

proptest! {
    /// An answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(response in answer(), packet in 1_usize..64) {
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
    fn any_whole_answer_survives_the_wire(response in answer()) {
        let bytes = OllamaGenerate.write_response(response.clone(), &reply());
        prop_assert_eq!(OllamaGenerate.read_response(&bytes).unwrap(), response);
    }
}

use proptest::prelude::*;
use serde_json::json;

use super::reply;
use super::stream::{decode, encode};
use crate::chat::{Choice, Collector, FinishReason, Part, PartKind, Response, Usage, unfold};
use crate::dialect::Dialect;
use crate::dialect::openai_completions::OpenAiCompletions;

/// One choice: its text, whether it was cut, and the tokens whose log probabilities are told.
fn choice(index: u32) -> impl Strategy<Value = Choice> {
    let tokens = prop::collection::vec(("\\PC{1,4}", -9_i32..0), 1..4);
    ("\\PC{0,12}", any::<bool>(), prop::option::of(tokens)).prop_map(move |(text, cut, tokens)| {
        let entry = |(token, logprob): (String, i32)| {
            let logprob = f64::from(logprob);
            json!({"token": token, "logprob": logprob, "bytes": null, "top_logprobs": [{"token": token, "logprob": logprob, "bytes": null}]})
        };
        let logprobs = tokens.map(|tokens| json!({"content": tokens.into_iter().map(entry).collect::<Vec<_>>(), "refusal": null}));
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::from(PartKind::Text(text))] };
        let finish = if cut { FinishReason::Length } else { FinishReason::Stop };
        Choice { index, parts, finish, logprobs, ..Choice::default() }
    })
}

fn answer() -> impl Strategy<Value = Response> {
    (choice(0), choice(1), 0_u64..9, 0_u64..9).prop_map(|(first, second, prompt, completion)| Response {
        id: Some("cmpl-1".into()),
        model: Some("m".into()),
        created: Some(7),
        choices: vec![first, second],
        usage: Some(Usage { prompt, completion, cached: Some(0), reasoning: Some(0), ..Usage::default() }),
        service_tier: None,
    })
}

proptest! {
    /// An answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(response in answer(), packet in 1_usize..64) {
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let stream = encode(&reply(&json!({})), events);
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        let mut collector = Collector::default();
        decoded.into_iter().for_each(|event| collector.push(event).unwrap());
        prop_assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn any_whole_answer_survives_the_wire(response in answer()) {
        let bytes = OpenAiCompletions.write_response(response.clone(), &reply(&json!({})));
        prop_assert_eq!(OpenAiCompletions.read_response(&bytes).unwrap(), response);
    }
}

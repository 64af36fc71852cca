use proptest::prelude::*;
use serde_json::json;

use super::reply;
use super::stream::{decode, encode};
use crate::chat::{Choice, Citation, Collector, FinishReason, Part, PartKind, Response, Usage, unfold};
use crate::dialect::Dialect;
use crate::dialect::dashscope::DashScope;

/// An answer in this format's order: thinking, text, calls.
fn answer() -> impl Strategy<Value = Response> {
    let calls = prop::collection::vec("\\PC{0,8}", 0..4);
    let sources = prop::collection::hash_set("[a-z]{1,8}", 0..3);
    ("\\PC{0,12}", "\\PC{0,12}", calls, sources, 0_u64..9, prop::option::of(0_u64..9)).prop_map(
        |(thought, text, calls, sources, prompt, cached)| {
            let mut kinds = Vec::new();
            if !thought.is_empty() {
                kinds.push(PartKind::Thinking { text: thought, signature: None });
            }
            if !text.is_empty() {
                kinds.push(PartKind::Text(text));
            }
            let finish = if calls.is_empty() { FinishReason::Length } else { FinishReason::ToolCalls };
            kinds.extend(calls.into_iter().enumerate().map(|(at, value)| PartKind::ToolCall {
                id: format!("c{at}"),
                name: "f".into(),
                arguments: json!({ "a": value }).to_string(),
                custom: false,
            }));
            let citation = |word: String| Citation { url: Some(format!("https://{word}")), title: Some(word), ..Citation::default() };
            let citations = sources.into_iter().map(citation).collect();
            let parts = kinds.into_iter().map(Part::from).collect();
            let usage = Some(Usage { prompt, completion: 3, cached, reasoning: cached, ..Usage::default() });
            Response {
                id: Some("r1".into()),
                choices: vec![Choice { parts, finish, citations, ..Choice::default() }],
                usage,
                ..Response::default()
            }
        },
    )
}

proptest! {
    /// An answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_streamed_answer_survives_the_wire(response in answer(), packet in 1_usize..64) {
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let stream = encode(&json!({"result_format": "message", "incremental_output": true}), events);
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        let mut collector = Collector::default();
        decoded.into_iter().for_each(|event| collector.push(event).unwrap());
        prop_assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn any_whole_answer_survives_the_wire(response in answer(), task in "(text|multimodal)-generation") {
        let bytes = DashScope.write_response(response.clone(), &reply(&task, &json!({"result_format": "message"})));
        prop_assert_eq!(DashScope.read_response(&bytes).unwrap(), response);
    }
}

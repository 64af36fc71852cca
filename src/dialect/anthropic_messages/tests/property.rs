use proptest::prelude::*;

use super::stream::{decode, encode};
use crate::chat::{Collector, Event, FinishReason, Response};

/// A step of an answer, in any order a vendor may take.
#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Thought(String, String),
    Redacted(String),
    Call,
    /// A fragment for one of the calls so far.
    Arguments(usize, String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        "\\PC{1,12}".prop_map(Step::Text),
        ("\\PC{0,8}", "[a-zA-Z0-9+/]{1,8}").prop_map(|(text, signature)| Step::Thought(text, signature)),
        "[a-z]{1,8}".prop_map(Step::Redacted),
        Just(Step::Call),
        (any::<usize>(), "\\PC{1,12}").prop_map(|(at, fragment)| Step::Arguments(at, fragment)),
    ]
}

fn events(steps: Vec<Step>) -> Vec<Event> {
    let mut events = vec![Event::Start { id: Some("msg_1".into()), model: Some("fast".into()), created: None, usage: None }];
    let mut told: Vec<bool> = Vec::new();
    for step in steps {
        match step {
            Step::Text(text) => events.push(Event::Text { choice: 0, text }),
            Step::Thought(text, signature) => {
                if !text.is_empty() {
                    events.push(Event::Thinking { choice: 0, text });
                }
                events.push(Event::Signature { choice: 0, signature });
            }
            Step::Redacted(data) => events.push(Event::RedactedThinking { choice: 0, data }),
            Step::Call => {
                let index = u32::try_from(told.len()).unwrap();
                events.push(Event::ToolStart { choice: 0, index, id: format!("call_{index}"), name: "f".into() });
                told.push(false);
            }
            Step::Arguments(at, fragment) => {
                if let Some(at) = at.checked_rem(told.len()) {
                    told[at] = true;
                    events.push(Event::ToolArguments { choice: 0, index: u32::try_from(at).unwrap(), fragment });
                }
            }
        }
    }
    // Every decoder gives a call its arguments, if only an empty object.
    for (at, _) in told.iter().enumerate().filter(|(_, told)| !**told) {
        events.push(Event::ToolArguments { choice: 0, index: u32::try_from(at).unwrap(), fragment: "{}".into() });
    }
    let reason = if told.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
    events.extend([Event::Finish { choice: 0, reason, stop_sequence: None }, Event::Done]);
    events
}

fn collect(events: Vec<Event>) -> Response {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.push(event).unwrap());
    Response { usage: None, ..collector.finish().unwrap() }
}

proptest! {
    /// Whatever the order of its pieces, an answer that is written and read again, in packets of any size, is the same answer.
    #[test]
    fn any_answer_survives_the_wire(steps in prop::collection::vec(step(), 0..24), packet in 1_usize..64) {
        let events = events(steps);
        let stream = encode(events.clone());
        let (decoded, end) = decode(&stream.chunks(packet).collect::<Vec<_>>());
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(collect(decoded), collect(events));
    }
}

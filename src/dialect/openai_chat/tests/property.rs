//! What is written reads the same, whatever it is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::request::{read, write};
use super::stream::{decode, encode};
use super::{edited, json as parse};
use crate::chat::{Collector, Event, FinishReason, Request, Response, Usage};
use crate::dialect::Quirks;

/// A step of an answer.
#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Refusal(String),
    Call,
    /// A fragment for one of the calls so far.
    Arguments(usize, String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        "\\PC{1,12}".prop_map(Step::Text),
        "\\PC{1,12}".prop_map(Step::Refusal),
        Just(Step::Call),
        (any::<usize>(), "\\PC{1,12}").prop_map(|(at, fragment)| Step::Arguments(at, fragment)),
    ]
}

/// The events of an answer of two choices.
fn events(steps: Vec<(u32, Step)>, usage: Usage) -> Vec<Event> {
    let mut events = vec![Event::Start { id: Some("c1".into()), model: Some("m".into()), created: Some(3), usage: None }];
    let mut calls = [Vec::<bool>::new(), Vec::new()];
    for (choice, step) in steps {
        let told = &mut calls[choice as usize];
        match step {
            Step::Text(text) => events.push(Event::Text { choice, text }),
            Step::Refusal(text) => events.push(Event::Refusal { choice, text }),
            Step::Call => {
                let index = u32::try_from(told.len()).unwrap();
                events.push(Event::ToolStart { choice, index, id: format!("call_{choice}_{index}"), name: "f".into() });
                told.push(false);
            }
            Step::Arguments(at, fragment) => {
                if let Some(at) = at.checked_rem(told.len()) {
                    told[at] = true;
                    events.push(Event::ToolArguments { choice, index: u32::try_from(at).unwrap(), fragment });
                }
            }
        }
    }
    for (choice, told) in (0..).zip(&calls) {
        for (index, _) in (0..).zip(told).filter(|(_, told)| !**told) {
            events.push(Event::ToolArguments { choice, index, fragment: "{}".into() });
        }
        let reason = if told.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        events.push(Event::Finish { choice, reason, stop_sequence: None });
    }
    events.extend([Event::Usage(usage), Event::Done]);
    events
}

fn collect(events: Vec<Event>) -> Response {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.push(event).unwrap());
    let mut response = collector.finish().unwrap();
    response.choices.sort_by_key(|choice| choice.index);
    response
}

/// JSON values of the kinds a client may put into a field nobody knows.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,6}", inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn content() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        "\\PC{1,8}".prop_map(|text| json!({"type": "text", "text": text})),
        "[a-zA-Z0-9+/]{4}".prop_map(|data| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})),
        "[a-zA-Z0-9+/]{4}".prop_map(|data| json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})),
        "[a-z0-9]{4}".prop_map(|id| json!({"type": "file", "file": {"file_id": id}})),
    ];
    prop_oneof!["\\PC{0,12}".prop_map(Value::from), prop::collection::vec(part, 2..4).prop_map(Value::from)]
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        content().prop_map(|content| json!({"role": "user", "content": content})),
        "\\PC{0,12}".prop_map(|text| json!({"role": "system", "content": text})),
        ("\\PC{0,12}", "[a-z]{1,8}").prop_map(|(text, name)| json!({"role": "developer", "content": text, "name": name})),
        "\\PC{0,12}".prop_map(|text| json!({"role": "assistant", "content": text})),
        ("[a-z]{1,8}", "\\PC{1,12}").prop_map(|(id, arguments)| json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "f", "arguments": format!("x{arguments}")}}]})),
        ("[a-z]{1,8}", "\\PC{0,12}").prop_map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
    ]
}

/// The request without what the tests compare apart.
fn told(request: Request) -> String {
    format!("{request:?}")
}

proptest! {
    #[test]
    fn an_answer_survives_the_stream(steps in prop::collection::vec((0..2_u32, step()), 0..12), prompt in 0..9_u64, completion in 0..9_u64) {
        let usage = Usage { prompt, completion, cached: Some(0), reasoning: Some(0), ..Usage::default() };
        let events = events(steps, usage);
        let stream = encode(events.clone(), true);
        prop_assert_eq!(collect(decode(&[&stream]).unwrap()), collect(events));
    }

    #[test]
    fn a_request_survives_being_read_and_written(messages in prop::collection::vec(message(), 1..6), extra in value(), temperature in 0.0..2.0) {
        let body = json!({"model": "m", "messages": messages, "temperature": temperature, "x_extra": extra, "seed": 3, "stop": ["a"]});
        let request = read(&body);
        let written = write(&request, &Quirks::default());
        prop_assert!(written.dropped.is_empty());
        prop_assert_eq!(told(read(&parse(&written.body))), told(request));
    }

    #[test]
    fn an_edit_keeps_what_nobody_knows(extra in value(), messages in prop::collection::vec(message(), 1..4)) {
        let body = json!({"model": "alias", "messages": messages, "x_extra": extra});
        let mut expected = body.clone();
        expected["model"] = "m".into();
        let written = edited(&body, &Quirks::default()).body;
        prop_assert_eq!(String::from_utf8_lossy(&written), expected.to_string());
    }

    #[test]
    fn no_bytes_break_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&[&bytes]);
        let _ = decode(&[b"data: ", &bytes, b"\n\n"]);
        let _ = super::super::error::read(400, &bytes);
        let _ = super::super::view::chat(&bytes);
    }

    #[test]
    fn no_json_breaks_a_reader(value in value(), choice in value(), delta in value(), call in value()) {
        for chunk in [
            value,
            json!({"choices": [choice]}),
            json!({"choices": [{"delta": delta}]}),
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "message": {"tool_calls": [call]}, "finish_reason": "stop"}]}),
        ] {
            let _ = decode(&[format!("data: {chunk}\n\ndata: [DONE]\n\n").as_bytes()]);
            let _ = super::super::read_response::read(chunk.to_string().as_bytes());
            let _ = super::super::error::in_band(&chunk);
        }
    }
}

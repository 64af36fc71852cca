//! Between a stream and a whole answer: a stream collected because the client asked for no stream, and a whole answer told
//! as a stream because the vendor sent none.

use super::{ApiError, Choice, Event, Part, PartKind, Response};

/// Collects a stream's events into the answer they tell.
#[derive(Debug, Default)]
pub struct Collector {
    response: Response,
    done: bool,
}

impl Collector {
    /// Takes one event; an in-band error ends the collection.
    pub fn push(&mut self, event: Event) -> Result<(), ApiError> {
        match event {
            Event::Start { id, model, created, usage } => {
                self.response.id = id;
                self.response.model = model;
                self.response.created = created;
                self.response.usage = usage.or(self.response.usage);
            }
            Event::Text { choice, text } => match self.last(choice) {
                Some(PartKind::Text(held)) => held.push_str(&text),
                _ => self.add(choice, PartKind::Text(text)),
            },
            Event::Thinking { choice, text } => match self.last(choice) {
                Some(PartKind::Thinking { text: held, signature: None }) => held.push_str(&text),
                _ => self.add(choice, PartKind::Thinking { text, signature: None }),
            },
            Event::Signature { choice, signature } => match self.last(choice) {
                Some(PartKind::Thinking { signature: held @ None, .. }) => *held = Some(signature),
                _ => self.add(choice, PartKind::Thinking { text: String::new(), signature: Some(signature) }),
            },
            Event::RedactedThinking { choice, data } => self.add(choice, PartKind::RedactedThinking { data }),
            Event::ToolStart { choice, id, name, .. } => {
                self.add(choice, PartKind::ToolCall { id, name, arguments: String::new(), custom: false });
            }
            Event::ToolArguments { choice, index, fragment } => {
                let calls = self.choice(choice).parts.iter_mut().filter_map(|part| match &mut part.kind {
                    PartKind::ToolCall { arguments, .. } => Some(arguments),
                    _ => None,
                });
                if let Some(arguments) = calls.into_iter().nth(index as usize) {
                    arguments.push_str(&fragment);
                }
            }
            Event::Refusal { choice, text } => match self.last(choice) {
                Some(PartKind::Refusal(held)) => held.push_str(&text),
                _ => self.add(choice, PartKind::Refusal(text)),
            },
            Event::Citation { choice, citation } => self.choice(choice).citations.push(citation),
            Event::Logprobs { choice, value } => merge_logprobs(&mut self.choice(choice).logprobs, value),
            Event::Finish { choice, reason, stop_sequence } => {
                let choice = self.choice(choice);
                choice.finish = reason;
                choice.stop_sequence = stop_sequence;
            }
            Event::Usage(usage) => self.response.usage = Some(usage),
            Event::Ping => {}
            Event::Error(error) => return Err(error),
            Event::Done => self.done = true,
        }
        Ok(())
    }

    /// The answer, once the vendor's terminal marker was seen.
    pub fn finish(self) -> Result<Response, ApiError> {
        if self.done {
            Ok(self.response)
        } else {
            Err(ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete"))
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let choices = &mut self.response.choices;
        let at = match choices.iter().position(|c| c.index == index) {
            Some(at) => at,
            None => {
                choices.push(Choice { index, ..Choice::default() });
                choices.len() - 1
            }
        };
        // The position was just found or made.
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed two lines above")]
        &mut choices[at]
    }

    fn last(&mut self, choice: u32) -> Option<&mut PartKind> {
        self.choice(choice).parts.last_mut().map(|part| &mut part.kind)
    }

    fn add(&mut self, choice: u32, kind: PartKind) {
        self.choice(choice).parts.push(Part::from(kind));
    }
}

fn merge_logprobs(held: &mut Option<serde_json::Value>, more: serde_json::Value) {
    let Some(serde_json::Value::Object(into)) = held else {
        *held = Some(more);
        return;
    };
    let serde_json::Value::Object(more) = more else { return };
    for (key, value) in more {
        match (into.get_mut(&key), value) {
            (Some(serde_json::Value::Array(list)), serde_json::Value::Array(items)) => list.extend(items),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Tells a whole answer as the events of a stream, `Done` last.
pub fn unfold(response: Response, out: &mut Vec<Event>) {
    out.push(Event::Start { id: response.id, model: response.model, created: response.created, usage: response.usage });
    for choice in response.choices {
        let at = choice.index;
        let mut calls = 0;
        for part in choice.parts {
            match part.kind {
                PartKind::Text(text) => out.push(Event::Text { choice: at, text }),
                PartKind::Thinking { text, signature } => {
                    if !text.is_empty() {
                        out.push(Event::Thinking { choice: at, text });
                    }
                    out.extend(signature.map(|signature| Event::Signature { choice: at, signature }));
                }
                PartKind::RedactedThinking { data } => out.push(Event::RedactedThinking { choice: at, data }),
                PartKind::Refusal(text) => out.push(Event::Refusal { choice: at, text }),
                PartKind::ToolCall { id, name, arguments, .. } => {
                    out.push(Event::ToolStart { choice: at, index: calls, id, name });
                    out.push(Event::ToolArguments { choice: at, index: calls, fragment: arguments });
                    calls += 1;
                }
                // An answer holds no other parts.
                PartKind::Image { .. }
                | PartKind::Audio { .. }
                | PartKind::Document { .. }
                | PartKind::ToolResult { .. }
                | PartKind::Native { .. } => {}
            }
        }
        out.extend(choice.citations.into_iter().map(|citation| Event::Citation { choice: at, citation }));
        out.extend(choice.logprobs.map(|value| Event::Logprobs { choice: at, value }));
        out.push(Event::Finish { choice: at, reason: choice.finish, stop_sequence: choice.stop_sequence });
    }
    out.extend(response.usage.map(Event::Usage));
    out.push(Event::Done);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{FinishReason, Usage};

    #[test]
    fn unfold_then_collect_is_the_same_answer() {
        let response = Response {
            id: Some("a".into()),
            model: Some("m".into()),
            created: Some(7),
            choices: vec![Choice {
                parts: vec![
                    Part::from(PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) }),
                    Part::from(PartKind::Text("hello".into())),
                    Part::from(PartKind::ToolCall { id: "1".into(), name: "f".into(), arguments: "{}".into(), custom: false }),
                ],
                finish: FinishReason::ToolCalls,
                ..Choice::default()
            }],
            usage: Some(Usage { prompt: 3, completion: 4, ..Usage::default() }),
            service_tier: None,
        };
        let mut events = Vec::new();
        unfold(response.clone(), &mut events);
        let mut collector = Collector::default();
        for event in events {
            collector.push(event).unwrap();
        }
        assert_eq!(collector.finish().unwrap(), response);
    }

    #[test]
    fn a_stream_without_its_terminal_marker_is_no_answer() {
        let mut collector = Collector::default();
        collector.push(Event::Text { choice: 0, text: "half".into() }).unwrap();
        assert_eq!(collector.finish().unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
    }
}

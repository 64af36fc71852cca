//! Writes a stream to a client: each frame an answer of its own, the last one with the reasons and the counts.

use bytes::BytesMut;
use serde_json::Value;

use super::error::{put, write_error_event};
use super::part::WirePart;
use super::usage::WireUsage;
use super::write_response::{Body, Candidate, Content, response_id};
use super::{citation, finish, logprobs, signature};
use crate::chat::{Citation, Event, FinishReason, Usage};
use crate::dialect::{Encode, Reply};

/// A blank line, which every client of the format skips. A comment is not skipped by all of them.
pub(super) const HEARTBEAT: &[u8] = b"\r\n";

/// The state of one stream.
pub(super) struct Encoder {
    id: Option<String>,
    model: String,
    usage: Option<Usage>,
    choices: Vec<Choice>,
}

#[derive(Default)]
struct Choice {
    index: u32,
    /// What citations refer to.
    text: String,
    citations: Vec<Citation>,
    /// Gemini's own proof, which waits for its call.
    proof: Option<String>,
    /// Calls go out whole, and what comes after the first one waits with them.
    held: Vec<Held>,
    finish: Option<FinishReason>,
}

enum Held {
    Call { index: u32, id: String, name: String, arguments: String, proof: Option<String> },
    Event(Event),
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, model, usage, .. } => {
                self.id = id.or_else(|| self.id.take());
                self.model = model.filter(|model| !model.is_empty()).unwrap_or_else(|| std::mem::take(&mut self.model));
                self.usage = usage.or(self.usage);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Ping => {}
            Event::Error(error) => write_error_event(&error, out),
            Event::Finish { choice, reason, .. } => {
                self.flush(choice, out);
                self.choice(choice).finish = Some(reason);
            }
            Event::Citation { choice, citation } => self.choice(choice).citations.push(citation),
            Event::Done => self.done(out),
            Event::ToolStart { choice, index, id, name } => {
                let state = self.choice(choice);
                let proof = state.proof.take();
                state.held.push(Held::Call { index, id, name, arguments: String::new(), proof });
            }
            Event::ToolArguments { choice, index, fragment } => {
                let calls = self.choice(choice).held.iter_mut();
                let call = calls.into_iter().find_map(|held| match held {
                    Held::Call { index: at, arguments, .. } if *at == index => Some(arguments),
                    _ => None,
                });
                if let Some(arguments) = call {
                    arguments.push_str(&fragment);
                }
            }
            Event::Signature { choice, signature } if signature::own(&signature).is_some() => self.choice(choice).proof = Some(signature),
            Event::Text { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Thinking { choice, .. }
            | Event::Signature { choice, .. }
            | Event::RedactedThinking { choice, .. }
            | Event::Logprobs { choice, .. } => {
                let state = self.choice(choice);
                if state.held.is_empty() {
                    self.content(event, out);
                } else {
                    state.held.push(Held::Event(event));
                }
            }
        }
    }
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        Self { id: None, model: reply.upstream_model.clone(), usage: None, choices: Vec::new() }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed just above")]
        &mut self.choices[at]
    }

    fn content(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Text { choice, text } => {
                self.choice(choice).text.push_str(&text);
                self.part(choice, WirePart::text(text), out);
            }
            Event::Refusal { choice, text } => self.part(choice, WirePart::text(text), out),
            Event::Thinking { choice, text } => self.part(choice, WirePart::thought(text, None), out),
            Event::Signature { choice, signature } => {
                self.part(choice, WirePart::thought("", Some(signature::foreign(&signature).into())), out);
            }
            Event::RedactedThinking { choice, data } => {
                self.part(choice, WirePart::thought("", Some(signature::redacted(&data).into())), out);
            }
            Event::Logprobs { choice, value } if value.get("content").is_some_and(Value::is_array) => {
                let logprobs_result = Some(logprobs::Wire::of(&value));
                self.write(vec![Candidate { index: choice, logprobs_result, ..Candidate::default() }], None, out);
            }
            _ => {}
        }
    }

    fn part(&mut self, choice: u32, part: WirePart<'_>, out: &mut BytesMut) {
        self.write(vec![Candidate { content: Content::of(vec![part]), index: choice, ..Candidate::default() }], None, out);
    }

    fn write(&mut self, candidates: Vec<Candidate<'_>>, usage: Option<Usage>, out: &mut BytesMut) {
        let id = self.id.take();
        let response_id = response_id(id);
        let usage_metadata = usage.as_ref().map(WireUsage::of);
        put(out, &Body { candidates, usage_metadata, model_version: &self.model, response_id: &response_id });
        self.id = Some(response_id);
    }

    /// Writes what a choice holds back.
    fn flush(&mut self, choice: u32, out: &mut BytesMut) {
        for held in std::mem::take(&mut self.choice(choice).held) {
            match held {
                Held::Event(event) => self.content(event, out),
                Held::Call { id, name, arguments, proof, .. } => {
                    let proof = proof.as_deref().and_then(signature::own).map(|proof| proof.to_owned().into());
                    self.part(choice, WirePart::call(Some(id.into()), name, &arguments, proof), out);
                }
            }
        }
        if let Some(proof) = self.choice(choice).proof.take() {
            let own = signature::own(&proof).map(|proof| proof.to_owned().into());
            self.part(choice, WirePart::thought("", own), out);
        }
    }

    fn done(&mut self, out: &mut BytesMut) {
        let indexes: Vec<u32> = self.choices.iter().map(|choice| choice.index).collect();
        for index in indexes {
            self.flush(index, out);
        }
        if self.choices.is_empty() {
            self.choice(0);
        }
        let finished = |choice: &Choice| Candidate {
            content: Content::of(vec![WirePart::text("")]),
            finish_reason: Some(finish::write(choice.finish.unwrap_or(FinishReason::Stop))),
            index: choice.index,
            citation_metadata: citation::Metadata::of(&choice.citations, &choice.text),
            logprobs_result: None,
        };
        let candidates = self.choices.iter().map(finished).collect();
        self.write(candidates, Some(self.usage.unwrap_or_default()), out);
    }
}

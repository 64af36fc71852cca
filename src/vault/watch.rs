//! Watches an answer for signed thinking while it is translated.

use std::sync::Arc;

use tokio::time::Instant;

use super::call_name::{CallNames, Turn};
use super::{Pair, Vault, is_proof};
use crate::chat::{ApiError, Event, PartKind, Request, Response};
use crate::dialect::Decode;

/// More thinking and arguments than this of one answer are not held: no vendor's model thinks as much.
const MOST: usize = 8 << 20;

/// One answer's signed thinking, and where it is remembered.
pub struct Watch {
    vault: Arc<Vault>,
    pair: Pair,
    names: CallNames,
    choices: Vec<Choice>,
    held: usize,
}

#[derive(Default)]
struct Choice {
    index: u32,
    /// What was thought since the last call.
    thoughts: Vec<PartKind>,
    calls: Vec<Call>,
}

struct Call {
    id: String,
    name: String,
    arguments: String,
    thoughts: Vec<PartKind>,
}

impl Watch {
    /// For an answer to this request.
    pub fn new(vault: &Arc<Vault>, pair: Pair, request: &Request) -> Self {
        let names = CallNames::after(request.origin, &request.messages);
        Self { vault: Arc::clone(vault), pair, names, choices: Vec::new(), held: 0 }
    }

    /// Watches a whole answer.
    pub fn whole(mut self, response: &Response, now: Instant) {
        for choice in &response.choices {
            let held = self.choice(choice.index);
            for part in &choice.parts {
                match &part.kind {
                    PartKind::Thinking { .. } | PartKind::RedactedThinking { .. } => held.thoughts.push(part.kind.clone()),
                    PartKind::ToolCall { id, name, arguments, .. } => {
                        held.call(id, name);
                        held.argue(held.calls.len() - 1, arguments);
                    }
                    _ => {}
                }
            }
            self.finish(choice.index, now);
        }
    }

    /// Has a stream's events watched as they are read.
    pub fn over(self, decoder: Box<dyn Decode>) -> Watching {
        Watching { decoder, watch: self }
    }

    fn event(&mut self, event: &Event, now: Instant) {
        self.held += event.length();
        if self.held > MOST {
            self.choices.clear();
            return;
        }
        match event {
            Event::Thinking { choice, text } => self.choice(*choice).think(text),
            Event::Signature { choice, signature } => self.choice(*choice).sign(signature),
            Event::RedactedThinking { choice, data } => {
                self.choice(*choice).thoughts.push(PartKind::RedactedThinking { data: data.clone() });
            }
            Event::ToolStart { choice, id, name, .. } => self.choice(*choice).call(id, name),
            Event::ToolArguments { choice, index, fragment } => self.choice(*choice).argue(*index as usize, fragment),
            Event::Finish { choice, .. } => self.finish(*choice, now),
            _ => {}
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed just above")]
        &mut self.choices[at]
    }

    /// The answer is whole: what belongs to its calls is remembered.
    fn finish(&mut self, index: u32, now: Instant) {
        let mut turn = Turn::default();
        for Call { id, name, arguments, thoughts } in std::mem::take(self.choice(index)).calls {
            let name = self.names.name(&mut turn, &id, &name, &arguments);
            if !thoughts.is_empty() {
                self.vault.remember(self.pair.key(&name), thoughts, now);
            }
        }
    }
}

impl Choice {
    fn think(&mut self, more: &str) {
        match self.thoughts.last_mut() {
            Some(PartKind::Thinking { text, signature: None }) => text.push_str(more),
            _ => self.thoughts.push(PartKind::Thinking { text: more.to_owned(), signature: None }),
        }
    }

    fn sign(&mut self, proof: &str) {
        match self.thoughts.last_mut() {
            Some(PartKind::Thinking { signature: held @ None, .. }) => *held = Some(proof.to_owned()),
            _ => self.thoughts.push(PartKind::Thinking { text: String::new(), signature: Some(proof.to_owned()) }),
        }
    }

    fn call(&mut self, id: &str, name: &str) {
        let mut thoughts = std::mem::take(&mut self.thoughts);
        thoughts.retain(is_proof);
        self.calls.push(Call { id: id.to_owned(), name: name.to_owned(), arguments: String::new(), thoughts });
    }

    fn argue(&mut self, call: usize, fragment: &str) {
        if let Some(call) = self.calls.get_mut(call) {
            call.arguments.push_str(fragment);
        }
    }
}

/// A decoder whose events are watched.
pub struct Watching {
    decoder: Box<dyn Decode>,
    watch: Watch,
}

impl Watching {
    fn look(&mut self, events: &[Event]) {
        let now = Instant::now();
        events.iter().for_each(|event| self.watch.event(event, now));
    }
}

impl Decode for Watching {
    fn frame(&mut self, name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let before = out.len();
        let decoded = self.decoder.frame(name, data, out);
        self.look(out.get(before..).unwrap_or_default());
        decoded
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let before = out.len();
        let decoded = self.decoder.end(out);
        self.look(out.get(before..).unwrap_or_default());
        decoded
    }
}

//! Writes a stream to a client, event by event: what is new, or all there is so far, as the request asks.

use bytes::{BufMut, BytesMut};
use serde_json::{Map, Value, json};

use super::error;
use super::wanted::{Said, Wanted};
use super::write_response::{call, finish_word, or_empty, search_info, usage};
use crate::base::id;
use crate::chat::{ApiError, Citation, Event, FinishReason, Usage};
use crate::dialect::{Encode, Reply};

/// The state of one stream.
pub(super) struct Encoder {
    wanted: Wanted,
    request_id: String,
    /// Events that were written.
    count: u64,
    choices: Vec<Progress>,
    citations: Vec<Citation>,
    usage: Option<Usage>,
}

/// How far one choice has come. Texts are kept only where they are told again.
#[derive(Default)]
struct Progress {
    index: u32,
    content: String,
    reasoning: String,
    calls: Vec<Call>,
    finish: Option<FinishReason>,
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, usage, .. } => {
                self.request_id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| std::mem::take(&mut self.request_id));
                self.usage = usage;
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.keep(choice, |progress| &mut progress.content, &text);
                self.tell(choice, Said { content: &text, ..Said::default() }, None, out);
            }
            Event::Thinking { choice, text } => {
                self.keep(choice, |progress| &mut progress.reasoning, &text);
                self.tell(choice, Said { reasoning: &text, ..Said::default() }, None, out);
            }
            Event::ToolStart { choice, id, name, .. } => {
                let calls = &mut self.progress(choice).calls;
                let piece = call(calls.len(), &id, Some(&name), "");
                calls.push(Call { id, name, arguments: String::new() });
                self.tell(choice, Said { calls: vec![piece], ..Said::default() }, None, out);
            }
            Event::ToolArguments { choice, index, fragment } => self.arguments(choice, index, &fragment, out),
            Event::Logprobs { choice, value } => self.tell(choice, Said::default(), Some(&value), out),
            Event::Citation { citation, .. } => self.citations.push(citation),
            Event::Finish { choice, reason, .. } => self.progress(choice).finish = Some(reason),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Error(error) => put_error(&error, out),
            Event::Done => self.finish(out),
            // This format has no place for proofs.
            Event::Signature { .. } | Event::RedactedThinking { .. } | Event::Ping => {}
        }
    }
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        let wanted = Wanted::by(&reply.request);
        Self { wanted, request_id: id::request_id(), count: 0, choices: Vec::new(), citations: Vec::new(), usage: None }
    }

    fn progress(&mut self, choice: u32) -> &mut Progress {
        let at = self.choices.iter().position(|progress| progress.index == choice).unwrap_or_else(|| {
            self.choices.push(Progress { index: choice, ..Progress::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed above")]
        &mut self.choices[at]
    }

    /// Keeps a piece of text where all of it is told again.
    fn keep(&mut self, choice: u32, text: fn(&mut Progress) -> &mut String, piece: &str) {
        if !self.wanted.incremental {
            text(self.progress(choice)).push_str(piece);
        }
    }

    fn arguments(&mut self, choice: u32, index: u32, fragment: &str, out: &mut BytesMut) {
        let at = index as usize;
        let Some(held) = self.progress(choice).calls.get_mut(at) else { return };
        held.arguments.push_str(fragment);
        if !fragment.is_empty() {
            self.tell(choice, Said { calls: vec![call(at, "", None, fragment)], ..Said::default() }, None, out);
        }
    }

    /// Writes what is new of a choice, or all of it where that is wanted.
    fn tell(&mut self, choice: u32, new: Said<'_>, logprobs: Option<&Value>, out: &mut BytesMut) {
        let wanted = self.wanted;
        let progress = self.progress(choice);
        let said = if wanted.incremental { new } else { progress.said(call_whole) };
        let output = wanted.output(choice, said, logprobs, "null");
        self.put(&output, out);
    }

    /// The last events: one for each choice, with its end and all the counts.
    fn finish(&mut self, out: &mut BytesMut) {
        if self.choices.is_empty() {
            self.choices.push(Progress::default());
        }
        let found = search_info(&self.citations);
        for mut progress in std::mem::take(&mut self.choices) {
            let missing = |(at, held): (usize, &Call)| held.arguments.is_empty().then(|| call(at, "", None, "{}"));
            let calls: Vec<Value> = progress.calls.iter().enumerate().filter_map(missing).collect();
            let finish = finish_word(progress.finish.take().unwrap_or(FinishReason::Stop));
            let said = if self.wanted.incremental { Said { calls, ..Said::default() } } else { progress.said(call_closed) };
            let mut output = self.wanted.output(progress.index, said, None, finish);
            output.extend(found.clone().map(|found| ("search_info".to_owned(), found)));
            self.put(&output, out);
        }
    }

    fn put(&mut self, output: &Map<String, Value>, out: &mut BytesMut) {
        self.count += 1;
        let data = json!({"output": output, "usage": usage(self.usage), "request_id": self.request_id});
        out.put_slice(format!("id:{}\nevent:result\n:HTTP_STATUS/200\ndata:{data}\n\n", self.count).as_bytes());
    }
}

impl Progress {
    /// All that was said, calls as `write` writes them.
    fn said(&self, write: fn(usize, &Call) -> Value) -> Said<'_> {
        let calls = self.calls.iter().enumerate().map(|(at, held)| write(at, held)).collect();
        Said { content: &self.content, reasoning: &self.reasoning, calls }
    }
}

fn call_whole(at: usize, held: &Call) -> Value {
    call(at, &held.id, Some(&held.name), &held.arguments)
}

/// The call when nothing more comes of it.
fn call_closed(at: usize, held: &Call) -> Value {
    call(at, &held.id, Some(&held.name), or_empty(&held.arguments))
}

/// Writes an error as the last event. The status stands in a comment, as the vendor has it, and where the official client looks.
pub(super) fn put_error(error: &ApiError, out: &mut BytesMut) {
    let (status, data) = (error.status, error::write(error, ""));
    out.put_slice(format!("event:error\n:HTTP_STATUS/{status}\nstatus:{status}\ndata:{data}\n\n").as_bytes());
}

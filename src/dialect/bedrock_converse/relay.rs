//! The relay, where both ends speak this dialect. The path names the model, so a request stays as it is but for reasoning that the
//! model would refuse; an answer goes through untouched, and what it says is noted.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, Answer, invalid};
use super::decode::{MessageStop, Metadata, invalid_event, parse, truncated};
use super::error;
use super::rules::Rules;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::ApiError;
use crate::codec::aws;
use crate::dialect::quirks::ReasoningKept;
use crate::dialect::{Edited, Seen, Tap, To, Verdict, proof};

/// Takes out reasoning of other vendors.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Bytes {
    let signed = Rules::of(to.model, to.quirks).facts.reasoning == Some(ReasoningKept::Signed);
    let own = memmem::find(body, b"reasoningText").and_then(|_| without_foreign_reasoning(body, signed));
    own.unwrap_or_else(|| Bytes::copy_from_slice(body))
}

/// The body without reasoning that bears another vendor's proof or, where all has to be `signed`, none. `None` where there is no
/// such reasoning, or the body cannot be read.
fn without_foreign_reasoning(body: &[u8], signed: bool) -> Option<Bytes> {
    let is_foreign = |block: &RawValue| {
        let text = reasoning_text(block);
        text.is_some_and(|text| text.signature.map_or(signed, |signature| proof::is_marked(&signature)))
    };
    let mut object = RawObject::parse(body).ok()?;
    let turns: Vec<&RawValue> = serde_json::from_str(object.get("messages")?.get()).ok()?;
    let mut kept = Vec::with_capacity(turns.len());
    let mut found = false;
    for turn in turns {
        let mut fields = RawObject::parse(turn.get().as_bytes()).ok()?;
        let blocks: Vec<&RawValue> = serde_json::from_str(fields.get("content")?.get()).ok()?;
        let own: Vec<_> = blocks.iter().filter(|block| !is_foreign(block)).collect();
        found |= own.len() < blocks.len();
        match own.len() {
            all if all == blocks.len() => kept.push(turn.to_owned()),
            0 => {}
            _ => {
                let own = to_raw(&own);
                fields.set("content", own);
                kept.push(RawValue::from_string(String::from_utf8(fields.write()).ok()?).ok()?);
            }
        }
    }
    let messages = to_raw(&kept);
    object.set("messages", messages);
    found.then(|| Bytes::from(object.write()))
}

#[derive(Deserialize)]
struct ReasoningText {
    #[serde(default)]
    signature: Option<String>,
}

fn reasoning_text(block: &RawValue) -> Option<ReasoningText> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Block {
        reasoning_content: Content,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        reasoning_text: ReasoningText,
    }
    serde_json::from_str::<Block>(block.get()).ok().map(|block| block.reasoning_content.reasoning_text)
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    let answer = serde_json::from_slice::<Answer<'_>>(&body).map_err(|_| invalid())?;
    let usage = answer::counted(answer.usage, answer.service_tier.as_ref());
    Ok(Edited { body, usage })
}

/// Watches a stream.
#[derive(Default)]
pub(super) struct Watch {
    stopped: bool,
    counted: bool,
}

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        if seen.done {
            return Verdict::Drop;
        }
        match aws::read(raw).ok_or_else(invalid_event).and_then(|message| self.judge(message, seen)) {
            Ok(()) => Verdict::Pass,
            Err(error) => Verdict::Fail(error),
        }
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done { Ok(Vec::new()) } else { Err(truncated()) }
    }
}

impl Watch {
    fn judge(&mut self, message: aws::Message<'_>, seen: &mut Seen) -> Result<(), ApiError> {
        if let Some(fault) = message.fault() {
            return Err(error::read_fault(&fault));
        }
        match message.name() {
            b"contentBlockStart" => seen.content = true,
            b"contentBlockDelta" => {
                seen.content = true;
                seen.said += message.payload.len() as u64;
            }
            b"messageStop" => {
                parse::<MessageStop>(message.payload)?;
                seen.content = true;
                self.stopped = true;
            }
            b"metadata" => {
                let metadata: Metadata = parse(message.payload)?;
                seen.usage = metadata.counted().or(seen.usage);
                self.counted = true;
            }
            _ => {}
        }
        seen.done = self.stopped && self.counted;
        Ok(())
    }
}

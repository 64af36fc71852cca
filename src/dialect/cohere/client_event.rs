//! A stream's events as a client gets them, each named by both its `event:` line and its `type`.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::Value;

use super::logprobs;
use super::write_messages::Call;

/// One event. It is written once for every token, so no tree is built for it.
#[derive(Default, Serialize)]
pub(super) struct Event<'a> {
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<logprobs::Item>,
}

#[derive(Serialize)]
pub(super) struct Delta<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message<'a> {
    Content(Content<'a>),
    #[serde(rename = "tool_calls")]
    Call(Call<'a>),
    #[serde(rename = "tool_calls")]
    Arguments(Arguments<'a>),
    Citations(Value),
}

#[derive(Default, Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Arguments<'a> {
    function: Fragment<'a>,
}

#[derive(Serialize)]
struct Fragment<'a> {
    arguments: &'a str,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(arguments: &'a str) -> Self {
        Self { function: Fragment { arguments } }
    }
}

impl<'a> Event<'a> {
    /// An event that says something of the message.
    pub(super) fn says(r#type: &'static str, index: u32, message: Message<'a>) -> Self {
        Self { r#type, index: Some(index), delta: Some(Delta { message }), logprobs: None }
    }

    /// An event that only ends something.
    pub(super) fn ends(r#type: &'static str, index: u32) -> Self {
        Self { r#type, index: Some(index), ..Self::default() }
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        put(self.r#type, self, out);
    }
}

/// Writes one frame.
pub(super) fn put(name: &str, event: &impl Serialize, out: &mut BytesMut) {
    out.put_slice(b"event: ");
    out.put_slice(name.as_bytes());
    out.put_slice(b"\ndata: ");
    // Writing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer((&mut *out).writer(), event);
    out.put_slice(b"\n\n");
}

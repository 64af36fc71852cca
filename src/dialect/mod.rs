//! Floor 3: the wire formats. A dialect speaks both ways: it reads requests and writes answers as a server does, writes
//! requests and reads answers as a client does, all in terms of the hub (`chat`). Where both ends speak the same dialect the
//! bytes are relayed, and the dialect only edits and watches them.

pub mod anthropic_messages;
pub mod bedrock_converse;
pub mod call_id;
pub mod cohere;
pub mod dashscope;
pub mod embeddings;
mod estimate;
mod fields;
pub mod gemini;
mod in_turn;
mod media;
pub mod ollama;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_responses;
mod proof;
pub mod quirks;
pub mod rerank;
mod said;
mod shape;
pub mod side;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::base::parts::Parts;
use crate::chat::{ApiError, DialectId, Dropped, Event, Request, Response, Usage};
use crate::codec::Framing;
pub use estimate::{estimate_tokens, estimate_tokens_roughly};
pub use quirks::Quirks;

/// The dialect of an id.
pub fn dialect(id: DialectId) -> &'static dyn Dialect {
    match id {
        DialectId::OpenAiChat => &openai_chat::OpenAiChat,
        DialectId::AnthropicMessages => &anthropic_messages::AnthropicMessages,
        DialectId::Gemini => &gemini::Gemini,
        DialectId::OpenAiResponses => &openai_responses::OpenAiResponses,
        DialectId::Ollama => &ollama::Ollama,
        DialectId::OllamaGenerate => &ollama::OllamaGenerate,
        DialectId::OpenAiCompletions => &openai_completions::OpenAiCompletions,
        DialectId::Cohere => &cohere::Cohere,
        DialectId::DashScope => &dashscope::DashScope,
        DialectId::BedrockConverse => &bedrock_converse::BedrockConverse,
    }
}

/// A wire format for chat, in both directions.
pub trait Dialect: Send + Sync {
    fn id(&self) -> DialectId;

    /// How a streamed answer is divided into events.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    // --- as a server ---------------------------------------------------------------------------------------------------

    /// Writes into a client's body what its path and headers say of the request, where the dialect says a part of it there.
    fn with_head(&self, _path: &str, _headers: &HeaderMap, body: Bytes) -> Bytes {
        body
    }

    /// Checks a request's outer shape and finds what routing and policy need, without building the request.
    fn view(&self, body: &[u8]) -> Result<View, ApiError>;

    /// Reads a client's request.
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError>;

    /// Writes a whole answer.
    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8>;

    /// Writes a streamed answer, event by event.
    fn encoder(&self, reply: &Reply) -> Box<dyn Encode>;

    /// As [`Dialect::encoder`], for a client that takes a tool call in one piece only.
    fn whole_call_encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        self.encoder(reply)
    }

    /// Writes an error body.
    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8>;

    /// Writes an error as an event of a stream that has begun.
    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut);

    /// A keep-alive the official clients of this dialect ignore; empty where there is none.
    fn heartbeat(&self) -> &'static [u8];

    /// The HTTP status that the official clients expect with an error.
    fn client_status(&self, error: &ApiError) -> u16 {
        error.status
    }

    /// The header in which the official clients look for a request's id, beside `x-request-id` and `request-id`.
    fn request_id_header(&self) -> Option<&'static str> {
        None
    }

    /// What the chat endpoint is called in logs and metrics.
    fn endpoint(&self) -> &'static str;

    /// A model, as the endpoint tells it that lists them. `created` is in Unix seconds.
    fn write_model(&self, id: &str, owner: &str, created: u64) -> Value {
        json!({"id": id, "object": "model", "created": created, "owned_by": owner})
    }

    /// The list of all models, each written by [`Dialect::write_model`].
    fn write_models(&self, models: Vec<Value>) -> Value {
        json!({"object": "list", "data": models})
    }

    /// A stream tells the prompt's tokens before the answer, and so needs an estimate where the vendor tells them last.
    fn tells_prompt_first(&self) -> bool {
        false
    }

    /// A call in an answer has an id, which the client sends back with the call.
    fn tells_call_ids(&self) -> bool {
        true
    }

    // --- as a client ---------------------------------------------------------------------------------------------------

    /// The path of the chat endpoint below the API's root, with the query that it needs.
    fn chat_path(&self, model: &str, stream: bool) -> Cow<'static, str>;

    /// Vendors sign the thinking before a call and want it back, unaltered, with the call's result.
    fn signs_thinking(&self) -> bool {
        false
    }

    /// Where a request goes and with which headers, where that depends on what it asks. `body` is the client's (see
    /// [`Dialect::with_head`]) if both ends speak this dialect, else the written one.
    fn envelope(&self, to: &To<'_>, stream: bool, _body: &[u8]) -> Envelope {
        Envelope { path: self.chat_path(to.model, stream), headers: &[] }
    }

    /// Writes a request to a vendor. What the dialect or the vendor cannot say is in `dropped`.
    fn write_request(&self, request: &Request, to: &To<'_>) -> Result<Written, ApiError>;

    /// Reads a whole answer with a success status; a vendor error inside it is an `Err`.
    fn read_response(&self, body: &[u8]) -> Result<Response, ApiError>;

    /// Reads a streamed answer, event by event.
    fn decoder(&self) -> Box<dyn Decode>;

    /// Reads an error body of any shape the dialect's vendors use. The status is the vendor's.
    fn read_error(&self, status: u16, body: &[u8]) -> ApiError;

    // --- both ends alike -----------------------------------------------------------------------------------------------

    /// Edits a client's request for a vendor of the same dialect, only where it must change.
    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError>;

    /// As [`Dialect::edit_request`], for a body of which [`Dialect::view`] told the layout.
    fn edit_laid_out(&self, body: &Bytes, _layout: &Layout, to: &To<'_>) -> Result<(Parts, Dropped), ApiError> {
        self.edit_request(body, to).map(|Written { body, dropped }| (body.into(), dropped))
    }

    /// Checks a vendor's whole answer and edits it where the vendor deviates from the dialect.
    fn edit_response(&self, body: Bytes, reply: &Reply, quirks: &Quirks) -> Result<Edited, ApiError>;

    /// Watches a vendor's stream on its way to a client of the same dialect.
    fn tap(&self, reply: &Reply, quirks: &Quirks) -> Box<dyn Tap>;

    /// Headers of a client's request that a vendor of the same dialect gets.
    fn relayed_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// A vendor of the same dialect gets the query of a client's request.
    fn relays_query(&self) -> bool {
        false
    }

    /// The endpoint that counts a request's tokens, where the dialect has one.
    fn count_tokens(&self) -> Option<&'static dyn CountTokens> {
        None
    }

    /// The classes of errors that a header names, where the dialect has such.
    fn error_classes(&self) -> Option<&dyn ErrorClasses> {
        None
    }
}

/// Errors of which a header names the class.
pub trait ErrorClasses: Send + Sync {
    /// The header.
    fn header(&self) -> &'static str;

    /// The class that the official clients expect of an error.
    fn class(&self, error: &ApiError) -> &'static str;

    /// As [`Dialect::read_error`], of a vendor's error whose class is known.
    fn read_error(&self, status: u16, class: &str, body: &[u8]) -> ApiError;
}

/// Counting a request's tokens without answering it.
pub trait CountTokens: Send + Sync {
    /// As [`Dialect::view`], for a request that only asks for the count.
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError>;

    /// The path of the endpoint below the API's root.
    fn count_path(&self, model: &str) -> Cow<'static, str>;

    /// Edits a client's request for a vendor of the same dialect.
    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError>;

    /// Reads a client's request.
    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError>;

    /// Writes a request to a vendor. What it cannot say does not count.
    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError>;

    /// Reads an answer with a success status.
    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError>;

    /// Writes an answer.
    fn write_count(&self, tokens: u64) -> Vec<u8>;
}

/// What routing and policy need to know of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub model: String,
    pub stream: bool,
    /// The client asked for the usage as an event of the stream.
    pub include_usage: bool,
    /// The most tokens the client wants back.
    pub max_tokens: Option<u64>,
    /// Empty where the dialect keeps none.
    pub layout: Layout,
}

/// Where a request's fields are, as its check has found them: to edit one, the body need not be walked again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The places of each outermost field's name, without its quotes, and of its value.
    pub fields: Vec<(Range<usize>, Range<usize>)>,
    /// A message may hold the result of a tool call.
    pub answers_calls: bool,
}

/// What an answer has to know of the request it answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The model as the client named it.
    pub requested_model: String,
    /// The model as the vendor was asked for it.
    pub upstream_model: String,
    /// The client wants the usage as an event of the stream.
    pub include_usage: bool,
    /// An estimate of the prompt's tokens, for dialects that tell it before the vendor does.
    pub prompt_estimate: u64,
    /// Unix seconds.
    pub created: u64,
    /// The client's request, for dialects whose answers repeat parts of it.
    pub request: Bytes,
}

/// Whom a request is written for.
#[derive(Clone, Copy, Debug)]
pub struct To<'a> {
    /// The model's name at the vendor.
    pub model: &'a str,
    pub quirks: &'a Quirks,
    /// Ask for the usage even if the client did not (it is stripped again from the answer).
    pub want_usage: bool,
}

/// What surrounds the body of a request to a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The path of the chat endpoint, as [`Dialect::chat_path`] tells it.
    pub path: Cow<'static, str>,
    /// Beside those of every request.
    pub headers: &'static [(&'static str, &'static str)],
}

/// A request as the vendor gets it.
#[derive(Debug)]
pub struct Written {
    pub body: Bytes,
    pub dropped: Dropped,
}

/// A vendor's whole answer as the client gets it.
#[derive(Debug)]
pub struct Edited {
    pub body: Bytes,
    pub usage: Option<Usage>,
}

/// Reads a vendor's stream. One call per frame, in order; `end` once at the clean end of the body.
pub trait Decode: Send {
    /// `name` is the frame's event name (empty where the framing has none), `data` its payload.
    fn frame(&mut self, name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError>;

    /// The body ended. Pushes `Done` where the end itself is the vendor's terminal marker; an answer that is not whole is an error.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError>;
}

/// Writes a stream to a client. Never called again after `Event::Done` or `Event::Error`.
pub trait Encode: Send {
    fn event(&mut self, event: Event, out: &mut BytesMut);
}

/// Watches a relayed stream.
pub trait Tap: Send {
    /// Judges one frame; `raw` is all of its bytes, the blank line included.
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict;

    /// The body ended cleanly: bytes still owed to the client, or why the answer is not whole.
    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError>;
}

/// What a tap has seen of a stream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Something of the answer has come. A tap sets it again for each event with content.
    pub content: bool,
    /// About how many bytes of content have come, where that is known without reading it.
    pub said: u64,
    /// The answer is whole: the vendor's terminal marker has come.
    pub done: bool,
    /// The latest token counts.
    pub usage: Option<Usage>,
}

/// What becomes of a relayed frame.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The same bytes go on.
    Pass,
    Drop,
    Replace(Vec<u8>),
    /// The stream ends here with this error.
    Fail(ApiError),
}

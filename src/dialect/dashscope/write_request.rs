//! Writes a request to a vendor: OpenAI's, with the vendor's quirks applied, rearranged into `input` and `parameters`.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{head, write_messages};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Request};
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Dialect, To, Written};

/// Writes a request. Text is always asked for bit by bit where it is streamed.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let Written { body, dropped } = OpenAiChat.write_request(request, to)?;
    let internal = |_| ApiError::internal("the request cannot be rearranged");
    let mut fields = RawObject::parse(&body).map_err(internal)?;
    let mut messages: Vec<Map<String, Value>> =
        serde_json::from_str(fields.remove("messages").as_deref().map_or("[]", RawValue::get)).map_err(internal)?;
    write_messages::to_native(&mut messages, head::is_multimodal(to));
    let streams = fields.remove("stream").is_some_and(|stream| stream.get() == "true");
    fields.remove("stream_options");
    let model = fields.remove("model").map(std::borrow::Cow::into_owned);
    let mut parameters = RawObject::default();
    parameters.set("result_format", to_raw(&"message"));
    if streams {
        parameters.set("incremental_output", to_raw(&true));
    }
    for (key, value) in fields.iter() {
        parameters.set_owned(key.to_owned(), value.to_owned());
    }
    let mut native = RawObject::default();
    native.set("model", model.unwrap_or_else(|| to_raw(&to.model)));
    native.set("input", to_raw(&json!({ "messages": messages })));
    native.set("parameters", raw(parameters.write())?);
    Ok(Written { body: Bytes::from(native.write()), dropped })
}

fn raw(text: Vec<u8>) -> Result<Box<RawValue>, ApiError> {
    let internal = || ApiError::internal("the request cannot be rearranged");
    RawValue::from_string(String::from_utf8(text).map_err(|_| internal())?).map_err(|_| internal())
}

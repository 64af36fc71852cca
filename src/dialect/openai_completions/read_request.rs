//! Reads a client's request. Other vendors chat, so the prompt becomes what the user says; what cannot be asked in a chat is
//! refused.

use serde_json::Value;
use serde_json::value::RawValue;

use super::view::{self, DEFAULT_MAX_TOKENS};
use crate::chat::{ApiError, DialectId, Message, Part, PartKind, Request, Role, Sampling};
use crate::dialect::fields::{self, Fields};

/// Reads a request. What the hub has no place for stays in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    for name in ["model", "stream", "stream_options"] {
        fields.raw(&[name]);
    }
    let mut request = Request::new(DialectId::OpenAiCompletions, view.model);
    (request.stream, request.include_usage) = (view.stream, view.include_usage);
    let prompt = read_prompt(fields.raw(&["prompt"]).as_deref())?;
    request.messages = vec![Message { role: Role::User, name: None, parts: vec![Part::from(PartKind::Text(prompt))] }];
    let logprobs = fields.take::<u64>(&["logprobs"])?;
    request.sampling = Sampling {
        max_tokens: fields.take(&["max_tokens"])?.or(Some(DEFAULT_MAX_TOKENS)),
        temperature: fields.take(&["temperature"])?,
        top_p: fields.take(&["top_p"])?,
        top_k: fields.take(&["top_k"])?,
        n: fields.take(&["n"])?,
        seed: fields.take(&["seed"])?,
        frequency_penalty: fields.take(&["frequency_penalty"])?,
        presence_penalty: fields.take(&["presence_penalty"])?,
        logit_bias: fields.take(&["logit_bias"])?,
        logprobs: logprobs.map(|_| true),
        top_logprobs: logprobs,
    };
    request.stop = match fields.take::<Value>(&["stop"])? {
        Some(Value::String(stop)) => vec![stop],
        Some(list) => serde_json::from_value(list).map_err(|_| fields::wrong_type("stop"))?,
        None => Vec::new(),
    };
    request.user = fields.take(&["user"])?;
    if fields.take::<String>(&["suffix"])?.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(unsupported("suffix", "the target chats: it cannot write a text that a `suffix` follows"));
    }
    // The prompt is repeated when the answer is written, but nobody knows how likely its tokens were.
    if fields.take::<bool>(&["echo"])?.unwrap_or(false) && logprobs.is_some() {
        return Err(unsupported("echo", "the target chats: it cannot tell the log probabilities of the prompt that `echo` asks for"));
    }
    // As many as there are answers is no choice.
    let best_of = fields.take::<u64>(&["best_of"])?.filter(|best_of| *best_of > request.sampling.n.unwrap_or(1));
    request.extra = fields.rest()?;
    request.extra.retain(|_, value| !value.is_null());
    request.extra.extend(best_of.map(|best_of| ("best_of".to_owned(), best_of.into())));
    Ok(request)
}

/// The prompt as text.
fn read_prompt(raw: Option<&RawValue>) -> Result<String, ApiError> {
    let raw = raw.ok_or_else(|| fields::missing("prompt"))?;
    match serde_json::from_str::<Value>(raw.get()).map_err(|_| fields::wrong_type("prompt"))? {
        Value::String(text) => Ok(text),
        Value::Array(items) => match <[Value; 1]>::try_from(items) {
            Ok([Value::String(text)]) => Ok(text),
            Err(items) if items.is_empty() => Err(ApiError::invalid("invalid_value", "prompt", "`prompt` is empty")),
            Err(items) if items.iter().all(Value::is_string) => {
                Err(unsupported("prompt", "the target chats: send each `prompt` in a request of its own"))
            }
            _ => Err(unsupported("prompt", "the target chats: `prompt` has to be text, tokens mean something to their own vendor only")),
        },
        _ => Err(fields::wrong_type("prompt")),
    }
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

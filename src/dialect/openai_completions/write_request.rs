//! Writes a request to a vendor that continues a prompt. A conversation cannot be said in that form, one text of the user's can.

use serde_json::json;
use serde_json::value::RawValue;

use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, OutputFormat, PartKind, Reasoning, Request, Role};
use crate::dialect::openai_chat::edit;
use crate::dialect::{To, Written};

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    let own = request.origin == DialectId::OpenAiCompletions;
    if !request.tools.is_empty() {
        return Err(unsupported("tools", "this vendor continues a prompt: it calls no tools"));
    }
    if !matches!(request.output, OutputFormat::Text) {
        return Err(unsupported("response_format", "this vendor continues a prompt: it cannot be held to a format"));
    }
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    body.set("prompt", to_raw(&prompt(request)?));
    write_sampling(request, to, &mut body, &mut dropped);
    if request.stream {
        body.set("stream", to_raw(&true));
        if to.want_usage || request.include_usage {
            body.set("stream_options", to_raw(&json!({"include_usage": true})));
        }
    }
    for (is_lost, name) in [
        (!matches!(request.reasoning, None | Some(Reasoning::Off)), "reasoning_effort"),
        (request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty()), "metadata"),
        (request.service_tier.as_deref().is_some_and(|tier| tier != "auto"), "service_tier"),
    ] {
        if is_lost {
            dropped.add(name);
        }
    }
    for (key, value) in &request.extra {
        let says_nothing = value.is_null() || key == "modalities" && *value == json!(["text"]);
        if own {
            body.set(key, to_raw(value));
        } else if !says_nothing {
            dropped.add(key.clone());
        }
    }
    edit::apply(body, to, dropped)
}

/// The prompt that the conversation is, if it is one text of the user's.
fn prompt(request: &Request) -> Result<String, ApiError> {
    let refuse =
        || unsupported("messages", "this vendor continues a prompt: the conversation has to be one message of the user's, as text");
    let [message] = request.messages.as_slice() else { return Err(refuse()) };
    if message.role != Role::User {
        return Err(refuse());
    }
    let text = |kind: &PartKind| if let PartKind::Text(text) = kind { Some(text.clone()) } else { None };
    let texts: Option<Vec<String>> = message.parts.iter().map(|part| text(&part.kind)).collect();
    Ok(texts.ok_or_else(refuse)?.join("\n"))
}

fn write_sampling<'a>(request: &Request, to: &To<'_>, body: &mut RawObject<'a>, dropped: &mut Dropped) {
    let sampling = &request.sampling;
    let mut set = |name: &'a str, value: Option<Box<RawValue>>| {
        if let Some(value) = value {
            body.set(name, value);
        }
    };
    set("max_tokens", sampling.max_tokens.map(|count| to_raw(&count)));
    set("temperature", sampling.temperature.as_ref().map(to_raw));
    set("top_p", sampling.top_p.as_ref().map(to_raw));
    match sampling.top_k {
        Some(top_k) if to.quirks.request_for(to.model).any(|quirks| quirks.knows.iter().any(|field| field == "top_k")) => {
            set("top_k", Some(to_raw(&top_k)));
        }
        Some(_) => dropped.add("top_k"),
        None => {}
    }
    set("n", sampling.n.map(|count| to_raw(&count)));
    set("seed", sampling.seed.map(|seed| to_raw(&seed)));
    set("frequency_penalty", sampling.frequency_penalty.as_ref().map(to_raw));
    set("presence_penalty", sampling.presence_penalty.as_ref().map(to_raw));
    set("logit_bias", sampling.logit_bias.as_ref().map(to_raw));
    set("logprobs", sampling.logprobs.filter(|on| *on).map(|_| to_raw(&sampling.top_logprobs.unwrap_or(0))));
    set("stop", (!request.stop.is_empty()).then(|| to_raw(&request.stop)));
    set("user", request.user.as_ref().map(to_raw));
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

//! Writes a request to a vendor.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Number, json};

use super::{reasoning, tools, write_messages};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, OutputFormat, Request, ToolChoice};
use crate::dialect::{To, Written};

/// The most stop sequences that are taken.
const MOST_STOPS: usize = 5;
/// The most that `k` may be.
const MOST_K: u64 = 500;

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(ApiError::invalid("unsupported_parameter", "n", "this vendor gives one answer at a time: `n` has to be 1"));
    }
    let mut tools = tools::tools(request, &mut dropped)?;
    let format = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(to_raw(&json!({"type": "json_object"}))),
        OutputFormat::JsonSchema { schema, .. } => Some(with_schema(schema)),
    };
    if format.is_some() && request.tool_choice == Some(ToolChoice::None) {
        tools = tools::Tools::default();
    }
    if format.is_some() && !tools.offered.is_empty() {
        let message = "this vendor takes no `response_format` together with tools";
        return Err(ApiError::invalid("unsupported_parameter", "response_format", message));
    }
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    body.set("messages", to_raw(&write_messages::messages(request, reasoning::thinks(to.model), &mut dropped)?));
    if !tools.offered.is_empty() {
        body.set("tools", to_raw(&tools.offered));
    }
    if tools.strict {
        body.set("strict_tools", to_raw(&true));
    }
    if let Some(choice) = tools.choice {
        body.set("tool_choice", to_raw(&choice));
    }
    if let Some(format) = format {
        body.set("response_format", format);
    }
    if let Some(thinking) = reasoning::write(request.reasoning.as_ref(), request.sampling.max_tokens, to.model, &mut dropped) {
        body.set("thinking", to_raw(&thinking));
    }
    write_sampling(request, &mut body, &mut dropped);
    for (key, value) in &request.extra {
        let says_nothing = value.is_null() || key == "modalities" && *value == json!(["text"]);
        match request.origin {
            DialectId::Cohere => body.set(key, to_raw(value)),
            _ if !says_nothing => dropped.add(key.clone()),
            _ => {}
        }
    }
    body.set("stream", to_raw(&request.stream));
    Ok(Written { body: Bytes::from(body.write()), dropped })
}

fn with_schema(schema: &RawValue) -> Box<RawValue> {
    #[derive(serde::Serialize)]
    struct Format<'a> {
        r#type: &'static str,
        json_schema: &'a RawValue,
    }
    to_raw(&Format { r#type: "json_object", json_schema: schema })
}

fn write_sampling<'a>(request: &'a Request, body: &mut RawObject<'a>, dropped: &mut Dropped) {
    let sampling = &request.sampling;
    let mut set = |name: &'a str, value: Option<Box<RawValue>>| {
        if let Some(value) = value {
            body.set(name, value);
        }
    };
    set("max_tokens", sampling.max_tokens.map(|count| to_raw(&count)));
    let mut within = |number: &Option<Number>, least: f64, most: f64, name: &'static str| {
        let number = number.as_ref()?;
        let kept = number.as_f64()?.clamp(least, most);
        if number.as_f64() == Some(kept) {
            return Some(to_raw(number));
        }
        dropped.add(name);
        Some(to_raw(&kept))
    };
    set("temperature", within(&sampling.temperature, 0.0, 1.0, "temperature"));
    set("p", within(&sampling.top_p, 0.01, 0.99, "top_p"));
    set("frequency_penalty", within(&sampling.frequency_penalty, 0.0, 1.0, "frequency_penalty"));
    set("presence_penalty", within(&sampling.presence_penalty, 0.0, 1.0, "presence_penalty"));
    set("k", sampling.top_k.map(|k| to_raw(&k.min(MOST_K))));
    set("seed", sampling.seed.map(|seed| to_raw(&seed)));
    set("logprobs", sampling.logprobs.map(|on| to_raw(&on)));
    if !request.stop.is_empty() {
        set("stop_sequences", Some(to_raw(&request.stop.iter().take(MOST_STOPS).collect::<Vec<_>>())));
    }
    for (is_lost, name) in [
        (request.stop.len() > MOST_STOPS, "stop"),
        (sampling.top_k.is_some_and(|k| k > MOST_K), "top_k"),
        (sampling.top_logprobs.is_some_and(|count| count > 0), "top_logprobs"),
        (sampling.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()), "logit_bias"),
        (request.user.is_some(), "user"),
        (request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty()), "metadata"),
        (request.service_tier.as_deref().is_some_and(|tier| tier != "auto"), "service_tier"),
    ] {
        if is_lost {
            dropped.add(name);
        }
    }
}

//! Writes a request to a vendor. Nothing is kept there (`store: false`): whatever the next request needs, it brings along.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{tools, write_input};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, Effort, OutputFormat, Reasoning, Request};
use crate::dialect::{To, Written};

/// The least that the vendor takes.
const LEAST_OUTPUT_TOKENS: u64 = 16;
/// Fields of chat completions that mean the same here.
const SHARED: [&str; 3] = ["prompt_cache_key", "prompt_cache_retention", "safety_identifier"];

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(ApiError::invalid("unsupported_parameter", "n", "this API gives one answer at a time: `n` has to be 1"));
    }
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    body.set("input", to_raw(&write_input::write_input(request, &mut dropped)?));
    let tools = tools::write_tools(request, &mut dropped);
    if let Some(choice) = request.tool_choice.as_ref().filter(|_| !tools.is_empty()) {
        body.set("tool_choice", to_raw(&tools::write_choice(choice)));
    }
    if !tools.is_empty() {
        body.set("tools", to_raw(&tools));
        if let Some(parallel) = request.parallel_tool_calls {
            body.set("parallel_tool_calls", to_raw(&parallel));
        }
    }
    if let Some(limit) = sampling.max_tokens {
        if limit < LEAST_OUTPUT_TOKENS {
            dropped.add("max_tokens");
        }
        body.set("max_output_tokens", to_raw(&limit.max(LEAST_OUTPUT_TOKENS)));
    }
    for (name, value) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
        if let Some(value) = value {
            body.set(name, to_raw(value));
        }
    }
    let mut include = vec!["reasoning.encrypted_content"];
    if sampling.logprobs == Some(true) {
        include.push("message.output_text.logprobs");
        body.set("top_logprobs", to_raw(&sampling.top_logprobs.unwrap_or(0)));
    }
    name_lost(request, &mut dropped);
    if let Some(text) = text(request) {
        body.set("text", text);
    }
    if let Some(effort) = request.reasoning.as_ref().and_then(effort) {
        body.set(
            "reasoning",
            to_raw(&if effort == "none" { json!({"effort": effort}) } else { json!({"effort": effort, "summary": "auto"}) }),
        );
    }
    if let Some(user) = &request.user {
        body.set("user", to_raw(user));
    }
    if let Some(metadata) = &request.metadata {
        body.set("metadata", to_raw(metadata));
    }
    if let Some(tier) = &request.service_tier {
        body.set("service_tier", to_raw(tier));
    }
    let own = matches!(request.origin, DialectId::OpenAiChat | DialectId::OpenAiResponses);
    for (key, value) in &request.extra {
        let only_text = key == "modalities" && *value == json!(["text"]);
        let silent = value.is_null() || only_text || own && matches!(key.as_str(), "verbosity" | "store");
        if own && SHARED.contains(&key.as_str()) || request.origin == DialectId::OpenAiResponses && !silent {
            body.set(key, to_raw(value));
        } else if !silent {
            dropped.add(key.clone());
        }
    }
    body.set("include", to_raw(&include));
    body.set("store", to_raw(&false));
    if request.stream {
        body.set("stream", to_raw(&true));
    }
    Ok(Written { body: Bytes::from(body.write()), dropped })
}

/// Names the settings that this API has no place for.
fn name_lost(request: &Request, dropped: &mut Dropped) {
    let sampling = &request.sampling;
    for (is_lost, name) in [
        (!request.stop.is_empty(), "stop"),
        (sampling.seed.is_some(), "seed"),
        (sampling.top_k.is_some(), "top_k"),
        (sampling.frequency_penalty.is_some(), "frequency_penalty"),
        (sampling.presence_penalty.is_some(), "presence_penalty"),
        (sampling.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()), "logit_bias"),
    ] {
        if is_lost {
            dropped.add(name);
        }
    }
}

/// Format and verbosity of the answer's text.
fn text(request: &Request) -> Option<Box<RawValue>> {
    let mut text = RawObject::default();
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => text.set("format", to_raw(&json!({"type": "json_object"}))),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let mut format = RawObject::default();
            format.set("type", to_raw(&"json_schema"));
            format.set("name", to_raw(name));
            if let Some(description) = description {
                format.set("description", to_raw(description));
            }
            format.set("schema", schema.clone());
            format.set("strict", to_raw(&strict.unwrap_or(false)));
            text.set("format", written(&format));
        }
    }
    if let Some(verbosity) = request.extra.get("verbosity").filter(|verbosity| verbosity.is_string()) {
        text.set("verbosity", to_raw(verbosity));
    }
    text.iter().next().is_some().then(|| written(&text))
}

fn written(object: &RawObject<'_>) -> Box<RawValue> {
    let text = String::from_utf8(object.write()).unwrap_or_default();
    RawValue::from_string(text).unwrap_or_else(|_| to_raw(&Value::Null))
}

/// The vendor's word for the client's wish; nothing where it decides by itself.
fn effort(reasoning: &Reasoning) -> Option<&'static str> {
    Some(match reasoning {
        Reasoning::Off => "none",
        Reasoning::Effort(effort) => effort.as_str(),
        Reasoning::Adaptive { effort } => (*effort)?.as_str(),
        Reasoning::Budget(0..=2048) => Effort::Low.as_str(),
        Reasoning::Budget(2049..=8192) => Effort::Medium.as_str(),
        Reasoning::Budget(_) => Effort::High.as_str(),
    })
}

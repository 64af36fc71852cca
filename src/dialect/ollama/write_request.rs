//! Writes a request to a vendor.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::messages;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, OutputFormat, Reasoning, Request, Tool, ToolChoice, ToolKind};
use crate::dialect::{To, Written};

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    refuse_choices(request)?;
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    body.set("messages", to_raw(&messages::messages(request, &mut dropped)?));
    let tools = tools(request, &mut dropped);
    if !tools.is_empty() {
        body.set("tools", to_raw(&tools));
    }
    settings(request, to, request.origin == DialectId::Ollama, &mut body, &mut dropped);
    Ok(Written { body: Bytes::from(body.write()), dropped })
}

/// Refuses a request for several answers.
pub(super) fn refuse_choices(request: &Request) -> Result<(), ApiError> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(ApiError::invalid("unsupported_parameter", "n", "this vendor gives one answer at a time: `n` has to be 1"));
    }
    Ok(())
}

/// Writes what all endpoints share. The sender's own fields go along where `own` says that they are of the endpoint's dialect.
pub(super) fn settings<'a>(request: &'a Request, to: &To<'_>, own: bool, body: &mut RawObject<'a>, dropped: &mut Dropped) {
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => body.set("format", to_raw(&"json")),
        OutputFormat::JsonSchema { schema, .. } => body.set("format", schema.clone()),
    }
    let options = options(request, own, dropped);
    if !options.is_empty() {
        body.set("options", to_raw(&options));
    }
    if let Some(think) =
        request.reasoning.as_ref().map(|reasoning| think(reasoning, to.quirks.request_for(to.model).any(|quirks| quirks.think_by_level)))
    {
        body.set("think", to_raw(&think));
    }
    if let Some(logprobs) = request.sampling.logprobs {
        body.set("logprobs", to_raw(&logprobs));
    }
    if let Some(count) = request.sampling.top_logprobs {
        body.set("top_logprobs", to_raw(&count));
    }
    for (key, value) in &request.extra {
        let says_nothing = value.is_null() || key == "modalities" && *value == json!(["text"]);
        match own {
            true if key != "options" => body.set(key, to_raw(value)),
            false if !says_nothing => dropped.add(key.clone()),
            _ => {}
        }
    }
    body.set("stream", to_raw(&request.stream));
}

/// The tools that the choice leaves; more than leaving them out cannot be said.
fn tools(request: &Request, dropped: &mut Dropped) -> Vec<Value> {
    if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        dropped.add("parallel_tool_calls");
    }
    if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })) {
        dropped.add("tool_choice");
    }
    let is_left = |name: &String| match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        None | Some(ToolChoice::Auto | ToolChoice::Required) => true,
    };
    let mut written = Vec::with_capacity(request.tools.len());
    for Tool { kind, .. } in &request.tools {
        match kind {
            ToolKind::Function { name, description, parameters, .. } if is_left(name) => {
                written.push(function(name, description.as_deref(), parameters.as_deref()));
            }
            // Free text as the one argument; the answer comes as a function call.
            ToolKind::Custom { name, description, .. } if is_left(name) => {
                dropped.add("custom");
                let input = to_raw(&json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}));
                written.push(function(name, description.as_deref(), Some(&input)));
            }
            ToolKind::Native { .. } => dropped.add("tools"),
            ToolKind::Function { .. } | ToolKind::Custom { .. } => {}
        }
    }
    written
}

fn function(name: &str, description: Option<&str>, parameters: Option<&RawValue>) -> Value {
    let parameters = parameters.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    json!({"type": "function", "function": {"name": name, "description": description.unwrap_or_default(), "parameters": parameters}})
}

fn options(request: &Request, own: bool, dropped: &mut Dropped) -> Map<String, Value> {
    let sampling = &request.sampling;
    let mut options = Map::new();
    let mut set = |name: &str, value: Option<Value>| options.extend(value.map(|value| (name.to_owned(), value)));
    set("num_predict", sampling.max_tokens.map(Value::from));
    set("temperature", sampling.temperature.clone().map(Value::Number));
    set("top_p", sampling.top_p.clone().map(Value::Number));
    set("top_k", sampling.top_k.map(Value::from));
    set("seed", sampling.seed.map(Value::from));
    set("frequency_penalty", sampling.frequency_penalty.clone().map(Value::Number));
    set("presence_penalty", sampling.presence_penalty.clone().map(Value::Number));
    set("stop", (!request.stop.is_empty()).then(|| json!(request.stop)));
    if own && let Some(Value::Object(rest)) = request.extra.get("options") {
        options.extend(rest.clone());
    }
    for (is_lost, name) in [
        (sampling.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()), "logit_bias"),
        (request.user.is_some(), "user"),
        (request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty()), "metadata"),
        (request.service_tier.as_deref().is_some_and(|tier| tier != "auto"), "service_tier"),
    ] {
        if is_lost {
            dropped.add(name);
        }
    }
    options
}

/// Models that know how much cannot be told not to.
fn think(reasoning: &Reasoning, by_level: bool) -> Value {
    use crate::chat::Effort;
    let effort = match reasoning {
        Reasoning::Off if by_level => Effort::Low,
        Reasoning::Off => return false.into(),
        Reasoning::Effort(effort) => *effort,
        Reasoning::Adaptive { effort } => effort.unwrap_or(Effort::Medium),
        Reasoning::Budget(0..=2048) => Effort::Low,
        Reasoning::Budget(2049..=8192) => Effort::Medium,
        Reasoning::Budget(_) => Effort::High,
    };
    match effort {
        _ if !by_level => true.into(),
        Effort::Minimal | Effort::Low => "low".into(),
        Effort::Medium => "medium".into(),
        Effort::High | Effort::XHigh | Effort::Max => "high".into(),
    }
}

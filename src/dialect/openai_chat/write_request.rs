//! Writes a request of the hub as OpenAI's JSON, then lets the vendor's quirks edit it.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::edit;
use super::write_messages::Writer;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, Effort, OutputFormat, Reasoning, Request, Tool, ToolChoice, ToolKind};
use crate::dialect::quirks::{CacheField, ReasoningHistory};
use crate::dialect::{To, Written};

/// The most stop sequences OpenAI takes.
const MOST_STOPS: usize = 4;

/// Writes a request for a vendor.
pub fn write(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    let knows = Knowledge::of(to);
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    let writer = Writer { cache: knows.cache, history: knows.history, origin: request.origin };
    body.set("messages", to_raw(&writer.write(&request.messages, &mut dropped)));
    write_tools(request, &knows, &mut body, &mut dropped);
    write_sampling(request, &knows, &mut body, &mut dropped);
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => body.set("response_format", to_raw(&json!({"type": "json_object"}))),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let mut format = Map::new();
            format.insert("name".into(), name.as_str().into());
            put(&mut format, "description", description.as_deref());
            put(&mut format, "strict", *strict);
            body.set(
                "response_format",
                raw_object(&[("type", &to_raw(&"json_schema")), ("json_schema", &with_raw(&format, "schema", schema))]),
            );
        }
    }
    if let (Some(Reasoning::Budget(budget)), true) = (&request.reasoning, knows.budget) {
        body.set("enable_thinking", to_raw(&true));
        body.set("thinking_budget", to_raw(budget));
    } else if let Some(word) = effort_word(request, &knows, &mut dropped) {
        body.set("reasoning_effort", to_raw(&word));
    }
    if let Some(user) = &request.user {
        body.set("user", to_raw(user));
    }
    if let Some(metadata) = &request.metadata {
        body.set("metadata", to_raw(metadata));
    }
    if let Some(tier) = &request.service_tier {
        body.set("service_tier", to_raw(&if tier == "standard_only" { "default" } else { tier }));
    }
    if request.stream {
        body.set("stream", to_raw(&true));
        if request.include_usage || to.want_usage {
            body.set("stream_options", to_raw(&json!({"include_usage": true})));
        }
    }
    for (key, value) in &request.extra {
        if request.origin == DialectId::OpenAiChat || request.origin == DialectId::OpenAiResponses && SHARED.contains(&key.as_str()) {
            body.set(key, to_raw(value));
        } else {
            dropped.add(key.clone());
        }
    }
    edit::apply(body, to, dropped)
}

/// Fields of the Responses API that mean the same here.
const SHARED: [&str; 4] = ["prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity"];

/// What the vendor's quirks say it knows beyond OpenAI's format.
struct Knowledge {
    top_k: bool,
    /// `enable_thinking` with `thinking_budget`.
    budget: bool,
    effort_none: bool,
    cache: Option<CacheField>,
    history: Option<ReasoningHistory>,
}

impl Knowledge {
    fn of(to: &To<'_>) -> Self {
        let mut knows = Self { top_k: false, budget: false, effort_none: false, cache: None, history: None };
        for quirks in to.quirks.request_for(to.model) {
            knows.top_k |= quirks.knows.iter().any(|field| field == "top_k");
            knows.budget |= quirks.knows.iter().any(|field| field == "thinking_budget");
            knows.effort_none |= quirks.effort.contains_key("none");
            knows.cache = quirks.cache_hint.or(knows.cache);
            knows.history = quirks.reasoning_history.or(knows.history);
        }
        knows
    }
}

fn write_sampling<'a>(request: &'a Request, knows: &Knowledge, body: &mut RawObject<'a>, dropped: &mut Dropped) {
    let sampling = &request.sampling;
    let mut set = |name: &'a str, value: Option<Box<RawValue>>| {
        if let Some(value) = value {
            body.set(name, value);
        }
    };
    set("max_completion_tokens", sampling.max_tokens.map(|count| to_raw(&count)));
    set("temperature", sampling.temperature.as_ref().map(to_raw));
    set("top_p", sampling.top_p.as_ref().map(to_raw));
    match sampling.top_k {
        Some(top_k) if knows.top_k => set("top_k", Some(to_raw(&top_k))),
        Some(_) => dropped.add("top_k"),
        None => {}
    }
    set("n", sampling.n.map(|count| to_raw(&count)));
    set("seed", sampling.seed.map(|seed| to_raw(&seed)));
    set("frequency_penalty", sampling.frequency_penalty.as_ref().map(to_raw));
    set("presence_penalty", sampling.presence_penalty.as_ref().map(to_raw));
    set("logit_bias", sampling.logit_bias.as_ref().map(to_raw));
    set("logprobs", sampling.logprobs.map(|on| to_raw(&on)));
    set("top_logprobs", sampling.top_logprobs.map(|count| to_raw(&count)));
    if !request.stop.is_empty() {
        if request.stop.len() > MOST_STOPS {
            dropped.add("stop");
        }
        let kept: Vec<_> = request.stop.iter().take(MOST_STOPS).collect();
        set("stop", Some(to_raw(&kept)));
    }
}

fn write_tools<'a>(request: &Request, knows: &Knowledge, body: &mut RawObject<'a>, dropped: &mut Dropped) {
    let tools: Vec<_> = request.tools.iter().filter_map(|tool| write_tool(tool, knows, dropped)).collect();
    if tools.is_empty() {
        return;
    }
    body.set("tools", to_raw(&tools));
    let is_custom = |name: &str| request.tools.iter().any(|tool| matches!(&tool.kind, ToolKind::Custom { name: own, .. } if own == name));
    let named = |name: &str| {
        let kind = if is_custom(name) { "custom" } else { "function" };
        json!({"type": kind, kind: {"name": name}})
    };
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!("auto")),
        Some(ToolChoice::None) => Some(json!("none")),
        Some(ToolChoice::Required) => Some(json!("required")),
        Some(ToolChoice::Named(name)) => Some(named(name)),
        Some(ToolChoice::Allowed { names, required }) => {
            let tools: Vec<_> = names.iter().map(|name| named(name)).collect();
            let mode = if *required { "required" } else { "auto" };
            Some(json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}))
        }
    };
    if let Some(choice) = choice {
        body.set("tool_choice", to_raw(&choice));
    }
    if let Some(parallel) = request.parallel_tool_calls {
        body.set("parallel_tool_calls", to_raw(&parallel));
    }
}

/// One tool; its schema keeps the sender's bytes.
fn write_tool(tool: &Tool, knows: &Knowledge, dropped: &mut Dropped) -> Option<Box<RawValue>> {
    if tool.cache.is_some() && knows.cache.is_none() {
        dropped.add("cache_control");
    }
    let mut inner = Map::new();
    match &tool.kind {
        ToolKind::Function { name, description, parameters, strict } => {
            inner.insert("name".into(), name.as_str().into());
            put(&mut inner, "description", description.as_deref());
            put(&mut inner, "strict", *strict);
            let inner = match parameters {
                Some(schema) => with_raw(&inner, "parameters", schema),
                None => to_raw(&inner),
            };
            Some(raw_object(&[("type", &to_raw(&"function")), ("function", &inner)]))
        }
        ToolKind::Custom { name, description, format } => {
            inner.insert("name".into(), name.as_str().into());
            put(&mut inner, "description", description.as_deref());
            put(&mut inner, "format", format.clone());
            Some(to_raw(&json!({"type": "custom", "custom": inner})))
        }
        ToolKind::Native { dialect: DialectId::OpenAiChat, value, .. } => Some(to_raw(value)),
        ToolKind::Native { name, .. } => {
            dropped.add(name.clone());
            None
        }
    }
}

/// The effort that stands for what the request says of reasoning.
fn effort_word(request: &Request, knows: &Knowledge, dropped: &mut Dropped) -> Option<&'static str> {
    let effort = match request.reasoning.as_ref()? {
        // Only some models know `none`, so another dialect's "off" is said only where it is known to be understood.
        Reasoning::Off if knows.effort_none || request.origin == DialectId::OpenAiChat => return Some("none"),
        Reasoning::Off => {
            dropped.add("thinking");
            return None;
        }
        Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) } => *effort,
        Reasoning::Adaptive { effort: None } => Effort::High,
        Reasoning::Budget(..=2048) => Effort::Low,
        Reasoning::Budget(..=8192) => Effort::Medium,
        Reasoning::Budget(_) => Effort::High,
    };
    Some(effort.as_str())
}

fn put(into: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        into.insert(key.into(), value.into());
    }
}

/// The object with one more field whose bytes are kept.
fn with_raw(object: &Map<String, Value>, key: &str, value: &RawValue) -> Box<RawValue> {
    let mut fields: Vec<(&str, Box<RawValue>)> = object.iter().map(|(key, value)| (key.as_str(), to_raw(value))).collect();
    fields.push((key, value.to_owned()));
    let borrowed: Vec<(&str, &RawValue)> = fields.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    raw_object(&borrowed)
}

fn raw_object(fields: &[(&str, &RawValue)]) -> Box<RawValue> {
    let mut object = RawObject::default();
    for (key, value) in fields {
        object.set(key, (*value).to_owned());
    }
    // An object of JSON values is JSON.
    let text = String::from_utf8(object.write()).unwrap_or_default();
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

//! Writes a request to a vendor.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::contents::{self, Content, Contents};
use super::models::Rules;
use super::part::WirePart;
use super::reasoning::ThinkingConfig;
use super::schema;
use super::tools::{self, CallingConfig, WireTool};
use crate::chat::{ApiError, DialectId, Dropped, OutputFormat, Request};
use crate::dialect::{To, Written};

const JSON: &str = "application/json";
const JSON_INSTRUCTION: &str = "Answer with one valid JSON value and nothing else: no other text, no code fence.";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "GenerationConfig::is_empty")]
    generation_config: GenerationConfig<'a>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function_calling_config: Option<CallingConfig<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl GenerationConfig<'_> {
    fn is_empty(&self) -> bool {
        serde_json::to_value(self).is_ok_and(|value| value.as_object().is_some_and(Map::is_empty))
    }
}

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let rules = Rules::of(to.model, to.quirks);
    let mut dropped = Dropped::default();
    let own = request.origin == DialectId::Gemini;
    let mut extra = if own { request.extra.clone() } else { drop_extra(request, &mut dropped)? };
    for (gone, name) in
        [(request.user.is_some(), "user"), (request.service_tier.as_deref().is_some_and(|tier| tier != "auto"), "service_tier")]
    {
        if gone {
            dropped.add(name);
        }
    }
    let metadata = request.metadata.as_ref().filter(|metadata| !metadata.is_empty());
    match metadata.and_then(labels).filter(|_| to.quirks.request_for(to.model).any(|quirks| quirks.labels)) {
        Some(labels) => _ = extra.insert("labels".to_owned(), labels),
        None if metadata.is_some() => dropped.add("metadata"),
        None => {}
    }
    let tools = tools::tools(request, &mut dropped);
    let mut choice = tools::choice(request, &mut dropped)?;
    if tools.is_empty() {
        // None of them could be said.
        choice = None;
    }
    let Contents { mut system, turns } = contents::contents(request, &rules, &mut dropped)?;
    let generation_config = generation_config(request, &rules, &tools, &mut extra, &mut system, &mut dropped);
    let tool_extra = object(&mut extra, "toolConfig");
    let tool_config =
        (choice.is_some() || !tool_extra.is_empty()).then_some(ToolConfig { function_calling_config: choice, extra: tool_extra });
    let system_instruction = (!system.is_empty()).then_some(Content { role: None, parts: system });
    let body = Body { contents: turns, system_instruction, tools, tool_config, generation_config, extra };
    let text = serde_json::to_vec(&body).map_err(|_| ApiError::internal("the request could not be written"))?;
    Ok(Written { body: Bytes::from(text), dropped })
}

/// Metadata as labels, if all of it keeps to their form: lower-case letters, digits, `_` and `-`, a key beginning with a letter.
fn labels(metadata: &Map<String, Value>) -> Option<Value> {
    let is_word =
        |text: &str| text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    let is_label = |(key, value): (&String, &Value)| {
        key.starts_with(|c: char| c.is_ascii_lowercase()) && is_word(key) && value.as_str().is_some_and(is_word)
    };
    metadata.iter().all(is_label).then(|| Value::Object(metadata.clone()))
}

fn object(extra: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match extra.shift_remove(key) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Names every field of another dialect's own. None of them has a place here.
fn drop_extra(request: &Request, dropped: &mut Dropped) -> Result<Map<String, Value>, ApiError> {
    for (key, value) in &request.extra {
        let modalities = key == "modalities";
        if modalities && value.as_array().is_some_and(|list| list.iter().any(|word| word == "audio")) {
            return Err(ApiError::invalid("unsupported_parameter", "modalities", "this vendor does not answer in audio here"));
        }
        if !value.is_null() && !modalities {
            dropped.add(key.clone());
        }
    }
    Ok(Map::new())
}

fn generation_config<'a>(
    request: &'a Request,
    rules: &Rules,
    tools: &[WireTool<'_>],
    extra: &mut Map<String, Value>,
    system: &mut Vec<WirePart<'a>>,
    dropped: &mut Dropped,
) -> GenerationConfig<'a> {
    let sampling = &request.sampling;
    if sampling.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()) {
        dropped.add("logit_bias");
    }
    let seed = sampling.seed.and_then(|seed| i32::try_from(seed).ok());
    if seed.is_none() && sampling.seed.is_some() {
        dropped.add("seed");
    }
    let stop_sequences: Vec<&str> = request.stop.iter().map(String::as_str).filter(|stop| !stop.is_empty()).collect();
    let mut config = GenerationConfig {
        max_output_tokens: sampling.max_tokens,
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        top_k: sampling.top_k,
        candidate_count: sampling.n,
        seed,
        presence_penalty: sampling.presence_penalty.as_ref(),
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        response_logprobs: sampling.logprobs,
        logprobs: sampling.top_logprobs,
        stop_sequences,
        response_mime_type: None,
        response_json_schema: None,
        thinking_config: ThinkingConfig::write(request.reasoning.as_ref(), rules, dropped),
        extra: object(extra, "generationConfig"),
    };
    // Before version 3 a model that has functions takes no format; it is told in words.
    let by_words = !rules.third && tools.iter().any(|tool| matches!(tool, WireTool::Functions { .. }));
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject if by_words => system.push(WirePart::text(JSON_INSTRUCTION)),
        OutputFormat::JsonSchema { schema, strict, .. } if by_words => {
            if *strict == Some(true) {
                dropped.add("strict");
            }
            system.push(WirePart::text(format!("{JSON_INSTRUCTION} It has to satisfy this JSON Schema:\n{}", schema.get())));
        }
        OutputFormat::JsonObject => config.response_mime_type = Some(JSON),
        OutputFormat::JsonSchema { schema, .. } => {
            config.response_mime_type = Some(JSON);
            config.response_json_schema = Some(schema::in_subset(schema));
        }
    }
    config
}

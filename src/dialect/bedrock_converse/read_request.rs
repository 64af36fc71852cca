//! Reads a client's request.

use serde_json::{Map, Value};

use super::fields::{INFERENCE, MODEL, OUTPUT, TOOLS};
use super::{read_blocks, read_tools, reasoning, view};
use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Effort, OutputFormat, Reasoning, Request};
use crate::dialect::fields::{Fields, check_callers, missing, wrong_type};

/// What a schema is called for dialects that want a name.
const SCHEMA_NAME: &str = "response";

/// Reads a request. Model and stream are in the path, which the caller knows; fields unknown here stay in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    let mut request = Request::new(DialectId::BedrockConverse, "");
    request.include_usage = true;
    let mut extra = Map::new();
    if let Some(system) = fields.raw(&["system"]) {
        read_blocks::read_system(&system, &mut request.messages, &mut extra)?;
    }
    let messages = fields.raw(&["messages"]).ok_or_else(|| missing("messages"))?;
    read_blocks::read_messages(&messages, &mut request.messages, &mut extra)?;
    check_callers(&request.messages, "messages")?;
    if let Some(config) = fields.raw(&[TOOLS]) {
        read_tools::read_config(&config, &mut request)?;
    }
    if let Some(config) = fields.raw(&[INFERENCE]) {
        let mut config = Fields::of(&config, INFERENCE)?;
        request.sampling.max_tokens = config.take(&["maxTokens"])?;
        request.sampling.temperature = config.take(&["temperature"])?;
        request.sampling.top_p = config.take(&["topP"])?;
        request.stop = config.take(&["stopSequences"])?.unwrap_or_default();
        keep(INFERENCE, config.rest()?, &mut extra);
    }
    if let Some(mut own) = fields.take::<Map<String, Value>>(&[MODEL])? {
        request.reasoning = reasoning::read(&mut own);
        request.sampling.top_k = top_k(&mut own);
        keep(MODEL, own, &mut extra);
    }
    if let Some(config) = fields.raw(&[OUTPUT]) {
        read_output(&mut Fields::of(&config, OUTPUT)?, &mut request, &mut extra)?;
    }
    if let Some(tier) = fields.take::<Map<String, Value>>(&["serviceTier"])? {
        let tier = tier.get("type").and_then(Value::as_str).ok_or_else(|| wrong_type("serviceTier.type"))?;
        request.service_tier = Some(tier.to_owned());
    }
    request.metadata = fields.take(&["requestMetadata"])?;
    extra.extend(fields.rest()?);
    request.extra = extra;
    Ok(request)
}

fn keep(key: &str, rest: Map<String, Value>, extra: &mut Map<String, Value>) {
    if !rest.is_empty() {
        extra.insert(key.to_owned(), rest.into());
    }
}

/// Takes out how many of the likeliest tokens are looked at, in Claude's words or in Nova's.
fn top_k(fields: &mut Map<String, Value>) -> Option<u64> {
    if let Some(top_k) = fields.get("top_k").and_then(Value::as_u64) {
        fields.shift_remove("top_k");
        return Some(top_k);
    }
    let config = fields.get_mut(INFERENCE)?.as_object_mut()?;
    let top_k = config.get("topK")?.as_u64()?;
    config.shift_remove("topK");
    if config.is_empty() {
        fields.shift_remove(INFERENCE);
    }
    Some(top_k)
}

fn read_output(config: &mut Fields<'_>, request: &mut Request, extra: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(format) = config.take::<Value>(&["textFormat"])? {
        let bad = || wrong_type("outputConfig.textFormat");
        let definition = format.pointer("/structure/jsonSchema").ok_or_else(bad)?;
        let text = |key: &str| definition.get(key).and_then(Value::as_str);
        let schema: Value = text("schema").and_then(|schema| serde_json::from_str(schema).ok()).ok_or_else(bad)?;
        request.output = OutputFormat::JsonSchema {
            name: text("name").unwrap_or(SCHEMA_NAME).to_owned(),
            description: text("description").map(str::to_owned),
            schema: to_raw(&schema),
            strict: Some(true),
        };
    }
    if let Some(word) = config.take::<String>(&["effort"])? {
        let effort = Effort::parse(&word);
        let effort = effort.ok_or_else(|| ApiError::invalid("invalid_value", "outputConfig.effort", "there is no such effort"))?;
        match &mut request.reasoning {
            None => request.reasoning = Some(Reasoning::Effort(effort)),
            Some(Reasoning::Adaptive { effort: unsaid @ None }) => *unsaid = Some(effort),
            // Beside a budget it says what the hub has no place for.
            Some(_) => keep(OUTPUT, Map::from_iter([("effort".to_owned(), word.into())]), extra),
        }
    }
    keep(OUTPUT, config.rest()?, extra);
    Ok(())
}

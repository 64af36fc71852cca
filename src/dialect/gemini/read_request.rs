//! Reads a client's request. Its names may be in camel case or in snake case.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::reasoning::ThinkingConfig;
use super::{read_contents, schema, view};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, OutputFormat, Request, Sampling, Tool, ToolChoice, ToolKind};
use crate::dialect::fields::{Fields, check_callers, wrong_type};

/// What a schema is called for dialects that want a name.
const SCHEMA_NAME: &str = "response";

/// Reads a request. Model and stream are in the path, which the caller knows; fields unknown here stay in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    let mut request = Request::new(DialectId::Gemini, "");
    request.include_usage = true;
    if let Some(system) = fields.raw(&["systemInstruction", "system_instruction"]) {
        request.messages.extend(read_contents::read_system(&system)?);
    }
    let contents = fields.raw(&["contents"]).ok_or_else(|| wrong_type("contents"))?;
    read_contents::read_contents(&contents, &mut request.messages)?;
    check_callers(&request.messages, "contents")?;
    for (at, tool) in fields.take::<Vec<Box<RawValue>>>(&["tools"])?.unwrap_or_default().into_iter().enumerate() {
        read_tool(&tool, at, &mut request.tools)?;
    }
    let mut extra = Map::new();
    if let Some(raw) = fields.raw(&["toolConfig", "tool_config"]) {
        let rest = read_tool_config(&raw, &mut request)?;
        if !rest.is_empty() {
            extra.insert("toolConfig".into(), rest.into());
        }
    }
    if let Some(raw) = fields.raw(&["generationConfig", "generation_config"]) {
        let rest = read_generation_config(&raw, &mut request)?;
        if !rest.is_empty() {
            extra.insert("generationConfig".into(), rest.into());
        }
    }
    // Some clients name the model in the body as well.
    fields.raw(&["model"]);
    extra.extend(fields.rest()?);
    request.extra = extra;
    Ok(request)
}

fn read_tool(raw: &RawValue, at: usize, tools: &mut Vec<Tool>) -> Result<(), ApiError> {
    let bad = |_| wrong_type(&format!("tools[{at}]"));
    let object = RawObject::parse(raw.get().as_bytes()).map_err(bad)?;
    for (key, value) in object.iter() {
        if !matches!(key, "functionDeclarations" | "function_declarations") {
            let native = serde_json::from_str::<Value>(value.get()).map_err(bad)?;
            let value = Value::Object(Map::from_iter([(key.to_owned(), native)]));
            tools.push(Tool { kind: ToolKind::Native { dialect: DialectId::Gemini, name: key.to_owned(), value }, cache: None });
            continue;
        }
        for declaration in serde_json::from_str::<Vec<&RawValue>>(value.get()).map_err(bad)? {
            let mut fields = Fields::of(declaration, "tools")?;
            let name = fields.take(&["name"])?.ok_or_else(|| wrong_type(&format!("tools[{at}]")))?;
            let description = fields.take(&["description"])?;
            let json_schema = fields.raw(&["parametersJsonSchema", "parameters_json_schema"]);
            let parameters = json_schema.or_else(|| fields.raw(&["parameters"]).map(|schema| schema::from_openapi(&schema)));
            tools.push(Tool { kind: ToolKind::Function { name, description, parameters, strict: None }, cache: None });
        }
    }
    Ok(())
}

/// Reads the choice among the functions, and gives back what the hub has no place for.
fn read_tool_config(raw: &RawValue, request: &mut Request) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Fields::of(raw, "toolConfig")?;
    if let Some(calling) = fields.raw(&["functionCallingConfig", "function_calling_config"]) {
        let mut calling = Fields::of(&calling, "toolConfig.functionCallingConfig")?;
        let mode: String = calling.take(&["mode"])?.unwrap_or_default();
        let names: Vec<String> = calling.take(&["allowedFunctionNames", "allowed_function_names"])?.unwrap_or_default();
        request.tool_choice = match (mode.to_ascii_uppercase().as_str(), names) {
            ("NONE", _) => Some(ToolChoice::None),
            ("ANY", names) if names.is_empty() => Some(ToolChoice::Required),
            ("ANY", mut names) if names.len() == 1 => names.pop().map(ToolChoice::Named),
            ("ANY", names) => Some(ToolChoice::Allowed { names, required: true }),
            ("VALIDATED", names) if !names.is_empty() => Some(ToolChoice::Allowed { names, required: false }),
            ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Auto),
            ("" | "MODE_UNSPECIFIED", _) => None,
            _ => return Err(ApiError::invalid("invalid_value", "toolConfig.functionCallingConfig.mode", "there is no such mode")),
        };
    }
    fields.rest()
}

/// Reads the settings, and gives back what the hub has no place for.
fn read_generation_config(raw: &RawValue, request: &mut Request) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Fields::of(raw, "generationConfig")?;
    request.sampling = Sampling {
        max_tokens: fields.take(&["maxOutputTokens", "max_output_tokens"])?,
        temperature: fields.take(&["temperature"])?,
        top_p: fields.take(&["topP", "top_p"])?,
        // The vendor's clients write it as a number with a fraction.
        top_k: fields.take::<f64>(&["topK", "top_k"])?.filter(|k| *k >= 1.0).map(|k| k.min(1e9) as u64),
        n: fields.take(&["candidateCount", "candidate_count"])?,
        seed: fields.take(&["seed"])?,
        frequency_penalty: fields.take(&["frequencyPenalty", "frequency_penalty"])?,
        presence_penalty: fields.take(&["presencePenalty", "presence_penalty"])?,
        logit_bias: None,
        logprobs: fields.take(&["responseLogprobs", "response_logprobs"])?,
        top_logprobs: fields.take(&["logprobs"])?,
    };
    request.stop = fields.take(&["stopSequences", "stop_sequences"])?.unwrap_or_default();
    request.reasoning = fields.take::<ThinkingConfig>(&["thinkingConfig", "thinking_config"])?.and_then(|config| config.read());
    let json_schema = fields.raw(&["responseJsonSchema", "response_json_schema"]);
    let schema = json_schema.or_else(|| fields.raw(&["responseSchema", "response_schema"]).map(|schema| schema::from_openapi(&schema)));
    let kind: Option<String> = fields.take(&["responseMimeType", "response_mime_type"])?;
    let mut rest = fields.rest()?;
    match (kind.as_deref(), schema) {
        (Some("application/json"), Some(schema)) => {
            request.output = OutputFormat::JsonSchema { name: SCHEMA_NAME.to_owned(), description: None, schema, strict: None };
        }
        (Some("application/json"), None) => request.output = OutputFormat::JsonObject,
        (None | Some("text/plain"), _) => {}
        (Some(kind), schema) => {
            rest.insert("responseMimeType".into(), kind.into());
            rest.extend(schema.map(|schema| ("responseJsonSchema".to_owned(), serde_json::to_value(to_raw(&schema)).unwrap_or_default())));
        }
    }
    Ok(rest)
}

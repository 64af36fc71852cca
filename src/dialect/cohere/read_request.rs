//! Reads a client's request.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{read_messages, view};
use crate::chat::{ApiError, DialectId, OutputFormat, RawJson, Reasoning, Request, Sampling, Tool, ToolChoice, ToolKind};
use crate::dialect::fields::{Fields, check_callers, wrong_type};

/// Reads a request. What only Cohere knows stays in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    for name in ["model", "stream"] {
        fields.raw(&[name]);
    }
    let mut request = Request::new(DialectId::Cohere, view.model);
    request.stream = view.stream;
    request.include_usage = true;
    let messages = fields.raw(&["messages"]).ok_or_else(|| wrong_type("messages"))?;
    request.messages = read_messages::read_messages(&messages)?;
    check_callers(&request.messages, "messages")?;
    if let Some(documents) = fields.raw(&["documents"]) {
        read_messages::add_documents(&documents, &mut request.messages)?;
    }
    let strict = fields.take::<bool>(&["strict_tools"])?;
    for (at, tool) in fields.take::<Vec<RawJson>>(&["tools"])?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(read_tool(&tool, strict).ok_or_else(|| wrong_type(&format!("tools[{at}]")))?);
    }
    request.tool_choice = match fields.take::<String>(&["tool_choice"])?.as_deref() {
        None => None,
        Some("REQUIRED") => Some(ToolChoice::Required),
        Some("NONE") => Some(ToolChoice::None),
        Some(_) => return Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` has to be REQUIRED or NONE")),
    };
    if let Some(format) = fields.raw(&["response_format"]) {
        request.output = read_format(&format)?;
    }
    if let Some(thinking) = fields.raw(&["thinking"]) {
        request.reasoning = Some(read_thinking(&thinking)?);
    }
    request.sampling = Sampling {
        max_tokens: fields.take(&["max_tokens"])?,
        temperature: fields.take(&["temperature"])?,
        top_p: fields.take(&["p"])?,
        // At 0 it is off.
        top_k: fields.take::<u64>(&["k"])?.filter(|k| *k > 0),
        seed: fields.take(&["seed"])?,
        frequency_penalty: fields.take(&["frequency_penalty"])?,
        presence_penalty: fields.take(&["presence_penalty"])?,
        logprobs: fields.take(&["logprobs"])?,
        ..Sampling::default()
    };
    request.stop = fields.take(&["stop_sequences"])?.unwrap_or_default();
    request.extra = fields.rest()?.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Ok(request)
}

fn read_tool(raw: &RawValue, strict: Option<bool>) -> Option<Tool> {
    #[derive(Deserialize)]
    struct Outer {
        function: Function,
    }
    #[derive(Deserialize)]
    struct Function {
        name: String,
        #[serde(default)]
        description: Option<String>,
        #[serde(default)]
        parameters: Option<RawJson>,
    }
    let Function { name, description, parameters } = serde_json::from_str::<Outer>(raw.get()).ok()?.function;
    Some(Tool { kind: ToolKind::Function { name, description, parameters, strict }, cache: None })
}

fn read_format(raw: &RawValue) -> Result<OutputFormat, ApiError> {
    #[derive(Deserialize)]
    struct Format {
        r#type: String,
        /// The older spelling is `schema`.
        #[serde(default, alias = "schema")]
        json_schema: Option<RawJson>,
    }
    let format: Format = serde_json::from_str(raw.get()).map_err(|_| wrong_type("response_format"))?;
    match (format.r#type.as_str(), format.json_schema.filter(|schema| schema.get() != "null")) {
        ("text", _) => Ok(OutputFormat::Text),
        ("json_object", None) => Ok(OutputFormat::JsonObject),
        ("json_object", Some(schema)) => {
            Ok(OutputFormat::JsonSchema { name: "response".to_owned(), description: None, schema, strict: None })
        }
        _ => Err(ApiError::invalid("invalid_value", "response_format", "`response_format.type` has to be text or json_object")),
    }
}

fn read_thinking(raw: &RawValue) -> Result<Reasoning, ApiError> {
    #[derive(Deserialize)]
    struct Thinking {
        r#type: String,
        #[serde(default)]
        token_budget: Option<u64>,
    }
    let thinking: Thinking = serde_json::from_str(raw.get()).map_err(|_| wrong_type("thinking"))?;
    match (thinking.r#type.as_str(), thinking.token_budget) {
        ("disabled", _) => Ok(Reasoning::Off),
        ("enabled", Some(budget)) => Ok(Reasoning::Budget(budget)),
        ("enabled", None) => Ok(Reasoning::Adaptive { effort: None }),
        _ => Err(ApiError::invalid("invalid_value", "thinking", "`thinking.type` has to be enabled or disabled")),
    }
}

//! Reads a client's request. What needs a store of earlier answers is refused: the sidecar keeps none.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{read_input, tools, view};
use crate::chat::{ApiError, DialectId, Effort, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, Sampling};
use crate::dialect::fields::{Fields, wrong_type};

/// Fields that only a vendor that keeps answers can serve.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];
/// Fields that ask for nothing a client would miss: where answers are kept and what else is told of them.
const SILENT: [&str; 5] = ["store", "stream_options", "truncation", "max_tool_calls", "client_metadata"];

/// Reads a request.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    for name in STATEFUL {
        if fields.raw(&[name]).is_some() {
            return Err(unsupported(name, format!("`{name}` needs a vendor that keeps answers and has this API")));
        }
    }
    if fields.take::<bool>(&["background"])?.unwrap_or(false) {
        return Err(unsupported("background", "`background` needs a vendor that keeps answers and has this API"));
    }
    for name in ["model", "stream", "max_output_tokens"].into_iter().chain(SILENT) {
        fields.raw(&[name]);
    }
    let mut request = Request::new(DialectId::OpenAiResponses, view.model);
    request.stream = view.stream;
    request.include_usage = true;
    if let Some(instructions) = fields.take::<String>(&["instructions"])?.filter(|text| !text.is_empty()) {
        let parts = vec![Part::from(PartKind::Text(instructions))];
        request.messages.push(Message { role: Role::System, name: None, parts });
    }
    let input = fields.raw(&["input"]).ok_or_else(|| crate::dialect::fields::missing("input"))?;
    read_input::read_input(&input, &mut request.messages)?;
    let include: Vec<String> = fields.take(&["include"])?.unwrap_or_default();
    request.sampling = Sampling {
        max_tokens: view.max_tokens,
        temperature: fields.take(&["temperature"])?,
        top_p: fields.take(&["top_p"])?,
        top_logprobs: fields.take(&["top_logprobs"])?,
        logprobs: include.iter().any(|what| what == "message.output_text.logprobs").then_some(true),
        ..Sampling::default()
    };
    request.tools = tools::read_tools(fields.take::<Vec<Box<RawValue>>>(&["tools"])?.unwrap_or_default())?;
    request.tool_choice = fields.take::<Value>(&["tool_choice"])?.as_ref().map(tools::read_choice).transpose()?;
    request.parallel_tool_calls = fields.take(&["parallel_tool_calls"])?;
    request.user = fields.take(&["user"])?;
    request.metadata = fields.take::<Map<String, Value>>(&["metadata"])?.filter(|metadata| !metadata.is_empty());
    request.service_tier = fields.take(&["service_tier"])?;
    request.reasoning = fields.take::<Map<String, Value>>(&["reasoning"])?.map(|wish| read_effort(&wish)).transpose()?.flatten();
    let text = fields.raw(&["text"]);
    request.extra = fields.rest()?;
    if let Some(text) = text {
        let mut text = Fields::of(&text, "text")?;
        if let Some(format) = text.raw(&["format"]) {
            request.output = read_format(&format)?;
        }
        request.extra.extend(text.take::<Value>(&["verbosity"])?.map(|verbosity| ("verbosity".to_owned(), verbosity)));
    }
    request.extra.retain(|_, value| !value.is_null());
    Ok(request)
}

fn unsupported(param: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

fn read_effort(wish: &Map<String, Value>) -> Result<Option<Reasoning>, ApiError> {
    match wish.get("effort") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "none" => Ok(Some(Reasoning::Off)),
        Some(Value::String(word)) => match Effort::parse(word) {
            Some(effort) => Ok(Some(Reasoning::Effort(effort))),
            None => Err(ApiError::invalid("invalid_value", "reasoning.effort", "there is no such effort")),
        },
        Some(_) => Err(wrong_type("reasoning.effort")),
    }
}

fn read_format(raw: &RawValue) -> Result<OutputFormat, ApiError> {
    const AT: &str = "text.format";
    let mut fields = Fields::of(raw, AT)?;
    match fields.take::<String>(&["type"])?.as_deref() {
        None | Some("text") => Ok(OutputFormat::Text),
        Some("json_object") => Ok(OutputFormat::JsonObject),
        Some("json_schema") => Ok(OutputFormat::JsonSchema {
            name: fields.take(&["name"])?.unwrap_or_else(|| "response".to_owned()),
            description: fields.take(&["description"])?,
            schema: fields.raw(&["schema"]).ok_or_else(|| crate::dialect::fields::missing("text.format.schema"))?,
            strict: fields.take(&["strict"])?,
        }),
        Some(_) => Err(ApiError::invalid("invalid_value", AT, "there is no such format")),
    }
}

//! Reads a client's request.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{read_messages, view};
use crate::chat::{ApiError, DialectId, Effort, OutputFormat, Reasoning, Request, Sampling, Tool, ToolKind};
use crate::dialect::fields::{Fields, check_callers, wrong_type};

/// Fields about the server's memory, which ask for nothing of the answer.
const SILENT: [&str; 3] = ["keep_alive", "truncate", "shift"];

/// Reads a request. Options that only Ollama knows stay in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    let mut request = Request::new(DialectId::Ollama, view.model);
    request.stream = view.stream;
    request.include_usage = true;
    let messages = fields.raw(&["messages"]).ok_or_else(|| wrong_type("messages"))?;
    read_messages::read_messages(&messages, &mut request.messages)?;
    check_callers(&request.messages, "messages")?;
    for (at, tool) in fields.take::<Vec<Box<RawValue>>>(&["tools"])?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(read_tool(&tool).ok_or_else(|| wrong_type(&format!("tools[{at}]")))?);
    }
    settings(&mut fields, &mut request)?;
    Ok(request)
}

/// Reads what all endpoints share; what is left then is the sender's own.
pub(super) fn settings(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    for name in ["model", "stream"].into_iter().chain(SILENT) {
        fields.raw(&[name]);
    }
    if let Some(format) = fields.raw(&["format"]) {
        request.output = read_format(format)?;
    }
    request.reasoning = match fields.take::<Value>(&["think"])? {
        None => None,
        Some(Value::Bool(true)) => Some(Reasoning::Adaptive { effort: None }),
        Some(Value::Bool(false)) => Some(Reasoning::Off),
        Some(Value::String(word)) => Effort::parse(&word).map(Reasoning::Effort),
        Some(_) => return Err(wrong_type("think")),
    };
    if let Some(options) = fields.raw(&["options"]) {
        let rest = read_options(&options, request)?;
        if !rest.is_empty() {
            request.extra.insert("options".into(), rest.into());
        }
    }
    request.sampling.logprobs = fields.take(&["logprobs"])?;
    request.sampling.top_logprobs = fields.take(&["top_logprobs"])?;
    request.extra.extend(fields.rest()?);
    Ok(())
}

fn read_tool(raw: &RawValue) -> Option<Tool> {
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
        parameters: Option<Box<RawValue>>,
    }
    let Function { name, description, parameters } = serde_json::from_str::<Outer>(raw.get()).ok()?.function;
    Some(Tool { kind: ToolKind::Function { name, description, parameters, strict: None }, cache: None })
}

/// `"json"`, or a schema; an empty text is none.
fn read_format(raw: Box<RawValue>) -> Result<OutputFormat, ApiError> {
    match raw.get() {
        "\"\"" => Ok(OutputFormat::Text),
        "\"json\"" => Ok(OutputFormat::JsonObject),
        schema if schema.starts_with('{') => {
            Ok(OutputFormat::JsonSchema { name: "response".to_owned(), description: None, schema: raw, strict: None })
        }
        _ => Err(ApiError::invalid("invalid_value", "format", "`format` has to be \"json\" or a JSON Schema")),
    }
}

/// Reads the options, and gives back what the hub has no place for.
fn read_options(raw: &RawValue, request: &mut Request) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Fields::of(raw, "options")?;
    request.sampling = Sampling {
        // Below 0 there is no limit.
        max_tokens: fields.take::<i64>(&["num_predict"])?.and_then(|limit| u64::try_from(limit).ok()),
        temperature: fields.take(&["temperature"])?,
        top_p: fields.take(&["top_p"])?,
        top_k: fields.take(&["top_k"])?,
        seed: fields.take(&["seed"])?,
        frequency_penalty: fields.take(&["frequency_penalty"])?,
        presence_penalty: fields.take(&["presence_penalty"])?,
        ..Sampling::default()
    };
    request.stop = match fields.take::<Value>(&["stop"])? {
        Some(Value::String(stop)) => vec![stop],
        Some(list) => serde_json::from_value(list).map_err(|_| wrong_type("options.stop"))?,
        None => Vec::new(),
    };
    fields.rest()
}

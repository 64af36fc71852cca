//! Reads a client's request into the hub.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::{edit, read_messages, view};
use crate::base::raw::RawObject;
use crate::chat::{
    ApiError, CacheHint, DialectId, Effort, OutputFormat, RawJson, Reasoning, Request, Sampling, Tool, ToolChoice, ToolKind,
};

/// Reads a request. What the hub has no place for stays in `extra`.
pub fn read(body: &[u8]) -> Result<Request, ApiError> {
    let mut fields = Fields(edit::parse(body)?);
    let mut request = Request::new(DialectId::OpenAiChat, fields.need::<String>("model")?);
    request.messages = read_messages::read(fields.need::<Vec<Value>>("messages")?)?;
    request.stream = fields.take("stream")?.unwrap_or(false);
    request.include_usage = request.stream && fields.0.get("stream_options").is_some_and(|options| view::includes_usage(options.get()));
    read_tools(&mut fields, &mut request)?;
    request.sampling = read_sampling(&mut fields)?;
    request.stop = match fields.take::<OneOrMany>("stop")? {
        None => Vec::new(),
        Some(OneOrMany::One(word)) => vec![word],
        Some(OneOrMany::Many(words)) => words,
    };
    request.output = read_output(&mut fields)?;
    request.reasoning = read_effort(&mut fields)?;
    request.parallel_tool_calls = fields.take("parallel_tool_calls")?;
    request.user = fields.take("user")?;
    request.metadata = fields.take("metadata")?;
    request.service_tier = fields.take("service_tier")?;
    // `stream_options` may hold more than `include_usage`, but nothing that another dialect could know.
    fields.0.remove("stream_options");
    for (key, value) in fields.0.iter().filter(|(_, value)| value.get() != "null") {
        request.extra.insert(key.to_owned(), serde_json::from_str(value.get()).unwrap_or_default());
    }
    Ok(request)
}

/// The fields of a request that were not read yet.
struct Fields<'a>(RawObject<'a>);

impl Fields<'_> {
    /// Takes a field out; `null` is as good as absent.
    fn take<T: for<'de> Deserialize<'de>>(&mut self, name: &'static str) -> Result<Option<T>, ApiError> {
        let Some(raw) = self.0.remove(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| ApiError::invalid("invalid_type", name, format!("`{name}` is not of the right type")))
    }

    fn need<T: for<'de> Deserialize<'de>>(&mut self, name: &'static str) -> Result<T, ApiError> {
        self.take(name)?.ok_or_else(|| ApiError::invalid("missing_required_parameter", name, format!("`{name}` is missing")))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn read_sampling(fields: &mut Fields<'_>) -> Result<Sampling, ApiError> {
    let limits = [fields.take::<u64>("max_completion_tokens")?, fields.take::<u64>("max_tokens")?];
    Ok(Sampling {
        max_tokens: limits.into_iter().flatten().next(),
        temperature: fields.take::<Number>("temperature")?,
        top_p: fields.take::<Number>("top_p")?,
        top_k: fields.take("top_k")?,
        n: fields.take("n")?,
        seed: fields.take("seed")?,
        frequency_penalty: fields.take::<Number>("frequency_penalty")?,
        presence_penalty: fields.take::<Number>("presence_penalty")?,
        logit_bias: fields.take("logit_bias")?,
        logprobs: fields.take("logprobs")?,
        top_logprobs: fields.take("top_logprobs")?,
    })
}

fn read_output(fields: &mut Fields<'_>) -> Result<OutputFormat, ApiError> {
    #[derive(Deserialize)]
    struct Format {
        r#type: String,
        json_schema: Option<Schema>,
    }
    #[derive(Deserialize)]
    struct Schema {
        name: Option<String>,
        description: Option<String>,
        schema: Option<RawJson>,
        strict: Option<bool>,
    }
    let Some(format) = fields.take::<Format>("response_format")? else { return Ok(OutputFormat::Text) };
    let wrong = |message: &str| Err(ApiError::invalid("invalid_value", "response_format", message));
    match (format.r#type.as_str(), format.json_schema) {
        ("text", _) => Ok(OutputFormat::Text),
        ("json_object", _) => Ok(OutputFormat::JsonObject),
        ("json_schema", Some(Schema { name, description, schema: Some(schema), strict })) => {
            Ok(OutputFormat::JsonSchema { name: name.unwrap_or_else(|| "response".into()), description, schema, strict })
        }
        ("json_schema", _) => wrong("`response_format.json_schema.schema` is missing"),
        _ => wrong("`response_format.type` has to be text, json_object or json_schema"),
    }
}

fn read_effort(fields: &mut Fields<'_>) -> Result<Option<Reasoning>, ApiError> {
    let Some(word) = fields.take::<String>("reasoning_effort")? else { return Ok(None) };
    if word == "none" {
        return Ok(Some(Reasoning::Off));
    }
    let effort = Effort::parse(&word).ok_or_else(|| {
        ApiError::invalid(
            "invalid_value",
            "reasoning_effort",
            "`reasoning_effort` has to be none, minimal, low, medium, high, xhigh or max",
        )
    })?;
    Ok(Some(Reasoning::Effort(effort)))
}

#[derive(Deserialize)]
struct Function {
    name: String,
    description: Option<String>,
    parameters: Option<RawJson>,
    strict: Option<bool>,
}

impl From<Function> for ToolKind {
    fn from(function: Function) -> Self {
        let Function { name, description, parameters, strict } = function;
        Self::Function { name, description, parameters: parameters.filter(|schema| schema.get() != "null"), strict }
    }
}

/// Tools and the choice among them, in today's form or the legacy one (`functions`, `function_call`).
fn read_tools(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    for (at, raw) in fields.take::<Vec<RawJson>>("tools")?.unwrap_or_default().iter().enumerate() {
        let wrong = || ApiError::invalid("invalid_value", format!("tools[{at}]"), format!("`tools[{at}]` is not a tool"));
        request.tools.push(read_tool(raw).ok_or_else(wrong)?);
    }
    for function in fields.take::<Vec<Function>>("functions")?.unwrap_or_default() {
        request.tools.push(Tool { kind: function.into(), cache: None });
    }
    let legacy = fields.take::<Value>("function_call")?;
    request.tool_choice = match fields.take::<Value>("tool_choice")? {
        Some(choice) => Some(read_choice(&choice).ok_or_else(|| {
            ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` has to be auto, none, required or name tools")
        })?),
        None => legacy.as_ref().and_then(|choice| match choice {
            Value::Object(named) => named.get("name").and_then(Value::as_str).map(|name| ToolChoice::Named(name.to_owned())),
            other => read_choice(other),
        }),
    };
    Ok(())
}

fn read_tool(raw: &RawValue) -> Option<Tool> {
    #[derive(Deserialize)]
    struct Outer {
        r#type: Option<String>,
        function: Option<Function>,
        custom: Option<Custom>,
        cache_control: Option<Value>,
        prompt_cache_breakpoint: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Custom {
        name: String,
        description: Option<String>,
        format: Option<Value>,
    }
    let outer: Outer = serde_json::from_str(raw.get()).ok()?;
    let cache = outer.cache_control.or(outer.prompt_cache_breakpoint).map(|marker| cache_hint(&marker));
    let kind = match (outer.r#type, outer.function, outer.custom) {
        (_, Some(function), _) => function.into(),
        (_, None, Some(Custom { name, description, format })) => ToolKind::Custom { name, description, format },
        (Some(name), None, None) if name != "function" && name != "custom" => {
            ToolKind::Native { dialect: DialectId::OpenAiChat, name, value: serde_json::from_str(raw.get()).ok()? }
        }
        _ => return None,
    };
    Some(Tool { kind, cache })
}

fn read_choice(choice: &Value) -> Option<ToolChoice> {
    let name_of = |tool: &Value| {
        let inner = tool.get("function").or_else(|| tool.get("custom"))?;
        inner.get("name").and_then(Value::as_str).map(str::to_owned)
    };
    match choice {
        Value::String(word) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" | "any" => Some(ToolChoice::Required),
            _ => None,
        },
        Value::Object(object) => match object.get("allowed_tools") {
            Some(allowed) => {
                let names = allowed.get("tools")?.as_array()?.iter().filter_map(name_of).collect();
                Some(ToolChoice::Allowed { names, required: allowed.get("mode").is_some_and(|mode| mode == "required") })
            }
            None => name_of(choice).map(ToolChoice::Named),
        },
        _ => None,
    }
}

/// A cache marker, in OpenAI's form or Anthropic's.
pub fn cache_hint(marker: &Value) -> CacheHint {
    CacheHint { ttl: marker.get("ttl").and_then(Value::as_str).map(str::to_owned) }
}

/// A cache marker of a content part or message.
pub fn cache_of(object: &Map<String, Value>) -> Option<CacheHint> {
    let marker = object.get("prompt_cache_breakpoint").or_else(|| object.get("cache_control"))?;
    marker.is_object().then(|| cache_hint(marker))
}

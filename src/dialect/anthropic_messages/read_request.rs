//! Reads a client's request.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::read_turn::{self, CacheControl};
use super::view;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Effort, Message, OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice, ToolKind};
use crate::dialect::fields::check_callers;
use crate::dialect::shape;

/// What a schema is called for dialects that want a name.
const SCHEMA_NAME: &str = "response";

/// Reads a request of Anthropic's Messages API. Fields that it does not know stay in `extra`.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    let mut fields = Fields(object);

    let mut request = Request::new(DialectId::AnthropicMessages, view.model);
    request.stream = view.stream;
    request.include_usage = true;
    for done in ["model", "stream", "max_tokens"] {
        fields.0.remove(done);
    }
    request.sampling = Sampling {
        max_tokens: view.max_tokens,
        temperature: fields.take::<Number>("temperature")?,
        top_p: fields.take::<Number>("top_p")?,
        top_k: fields.take("top_k")?,
        ..Sampling::default()
    };
    request.stop = fields.take("stop_sequences")?.unwrap_or_default();
    request.service_tier = fields.take("service_tier")?;
    request.messages = read_messages(&mut fields)?;
    check_callers(&request.messages, "messages")?;
    request.tools = read_tools(&mut fields)?;
    read_choice(&mut fields, &mut request)?;
    read_output(&mut fields, &mut request)?;
    read_metadata(&mut fields, &mut request)?;
    for (key, value) in fields.0.iter() {
        let value = serde_json::from_str(value.get()).map_err(|_| wrong_type(key))?;
        request.extra.insert(key.to_owned(), value);
    }
    Ok(request)
}

/// A request's fields that are yet to be read.
struct Fields<'a>(RawObject<'a>);

impl Fields<'_> {
    /// Takes a field out; null is as good as none.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        match self.0.remove(name) {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| wrong_type(name)),
            None => Ok(None),
        }
    }
}

/// The 400 for a value of the wrong type, which is not quoted.
pub(super) fn wrong_type(param: &str) -> ApiError {
    ApiError::invalid("invalid_type", param, format!("`{param}` is not of the type it has to be"))
}

fn read_messages(fields: &mut Fields<'_>) -> Result<Vec<Message>, ApiError> {
    #[derive(Deserialize)]
    struct Turn<'a> {
        role: String,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    let mut messages = Vec::new();
    if let Some(system) = fields.0.remove("system") {
        let parts = read_turn::read_content(Some(&system), "system")?;
        if !parts.is_empty() {
            messages.push(Message { role: Role::System, name: None, parts });
        }
    }
    let raw = fields.0.remove("messages").ok_or_else(|| wrong_type("messages"))?;
    let turns: Vec<Turn<'_>> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("messages"))?;
    for (at, turn) in turns.into_iter().enumerate() {
        let parts = read_turn::read_content(turn.content, &format!("messages[{at}].content"))?;
        read_turn::push_turn(&turn.role, parts, &mut messages);
    }
    Ok(messages)
}

fn read_tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>, ApiError> {
    #[derive(Deserialize)]
    struct WireTool {
        name: String,
        #[serde(default)]
        description: Option<String>,
        #[serde(default)]
        input_schema: Option<Box<RawValue>>,
        #[serde(default)]
        strict: Option<bool>,
        #[serde(default)]
        cache_control: Option<CacheControl>,
    }
    #[derive(Deserialize)]
    struct NativeTool {
        r#type: String,
        #[serde(default)]
        name: Option<String>,
    }
    let raw: Vec<Box<RawValue>> = fields.take("tools")?.unwrap_or_default();
    let mut tools = Vec::with_capacity(raw.len());
    for (at, raw) in raw.into_iter().enumerate() {
        let bad = |_| wrong_type(&format!("tools[{at}]"));
        // A tool with a dated type is run by the vendor and may have any fields; some have no name.
        if let Ok(NativeTool { r#type, name }) = serde_json::from_str(raw.get())
            && !matches!(r#type.as_str(), "" | "custom")
        {
            let value = serde_json::from_str(raw.get()).map_err(bad)?;
            let name = name.unwrap_or(r#type);
            tools.push(Tool { kind: ToolKind::Native { dialect: DialectId::AnthropicMessages, name, value }, cache: None });
            continue;
        }
        let tool: WireTool = serde_json::from_str(raw.get()).map_err(bad)?;
        let kind =
            ToolKind::Function { name: tool.name, description: tool.description, parameters: tool.input_schema, strict: tool.strict };
        tools.push(Tool { kind, cache: tool.cache_control.map(CacheControl::hint) });
    }
    Ok(tools)
}

fn read_choice(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Choice {
        r#type: String,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        disable_parallel_tool_use: Option<bool>,
    }
    let Some(choice) = fields.take::<Choice>("tool_choice")? else { return Ok(()) };
    request.parallel_tool_calls = choice.disable_parallel_tool_use.map(|alone| !alone);
    request.tool_choice = Some(match (choice.r#type.as_str(), choice.name) {
        ("auto", _) => ToolChoice::Auto,
        ("any", _) => ToolChoice::Required,
        ("none", _) => ToolChoice::None,
        ("tool", Some(name)) => ToolChoice::Named(name),
        _ => return Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` is none of the choices there are")),
    });
    Ok(())
}

/// Reads `thinking`, `output_config` and the older `output_format`. Keys that the hub has no place for keep the whole object in
/// `extra`, for a vendor of the same dialect.
fn read_output(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    let thinking: Map<String, Value> = fields.take("thinking")?.unwrap_or_default();
    let mut config: Map<String, Value> = fields.take("output_config")?.unwrap_or_default();
    let format: Option<Value> = fields.take("output_format")?;
    if let Some(format) = format {
        config.entry("format").or_insert(format);
    }

    let effort = match config.get("effort") {
        None | Some(Value::Null) => None,
        Some(word) => {
            let effort = word.as_str().and_then(Effort::parse);
            Some(effort.ok_or_else(|| ApiError::invalid("invalid_value", "output_config.effort", "there is no such effort"))?)
        }
    };
    let mode = thinking.get("type").and_then(Value::as_str);
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    request.reasoning = match (mode, budget) {
        (Some("enabled"), Some(budget)) => Some(Reasoning::Budget(budget)),
        (Some("enabled"), None) => return Err(wrong_type("thinking.budget_tokens")),
        (Some("adaptive"), _) => Some(Reasoning::Adaptive { effort }),
        (Some("disabled"), _) => Some(Reasoning::Off),
        (None, _) if thinking.is_empty() => effort.map(Reasoning::Effort),
        _ => return Err(ApiError::invalid("invalid_value", "thinking.type", "there is no such type of thinking")),
    };
    if let Some(format) = config.get("format").filter(|format| !format.is_null()) {
        request.output = read_format(format)?;
    }

    let effort_lost = effort.is_some() && matches!(request.reasoning, Some(Reasoning::Budget(_) | Reasoning::Off));
    if thinking.keys().any(|key| key != "type" && key != "budget_tokens") {
        request.extra.insert("thinking".to_owned(), Value::Object(thinking));
    }
    if effort_lost || config.keys().any(|key| key != "effort" && key != "format") {
        request.extra.insert("output_config".to_owned(), Value::Object(config));
    }
    Ok(())
}

fn read_format(format: &Value) -> Result<OutputFormat, ApiError> {
    let kind = format.get("type").and_then(Value::as_str);
    match (kind, format.get("schema")) {
        (Some("json_schema"), Some(schema @ Value::Object(_))) => Ok(OutputFormat::JsonSchema {
            name: format.get("name").and_then(Value::as_str).unwrap_or(SCHEMA_NAME).to_owned(),
            description: None,
            schema: to_raw(schema),
            strict: Some(true),
        }),
        _ => Err(ApiError::invalid("invalid_value", "output_config.format", "the format has to be a `json_schema` with a `schema`")),
    }
}

fn read_metadata(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    let mut metadata: Map<String, Value> = fields.take("metadata")?.unwrap_or_default();
    request.user = match metadata.remove("user_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(user)) => Some(user),
        Some(_) => return Err(wrong_type("metadata.user_id")),
    };
    request.metadata = (!metadata.is_empty()).then_some(metadata);
    Ok(())
}

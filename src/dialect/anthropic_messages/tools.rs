//! Tools and the choice among them, as they are written.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::block::{CacheControl, CacheMarkers};
use super::models::Rules;
use super::schema;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, Request, Tool, ToolChoice, ToolKind};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireTool<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Box<RawValue>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        strict: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Native(&'a Value),
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireChoice<'a> {
    Auto {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Any {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Tool {
        name: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    None,
}

impl WireChoice<'_> {
    /// The model has to call a tool.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self, Self::Any { .. } | Self::Tool { .. })
    }
}

/// The request's tools: those that the choice leaves, where it allows only some.
pub(super) fn tools<'a>(
    request: &'a Request,
    rules: &Rules,
    cache: &mut CacheMarkers,
    dropped: &mut Dropped,
) -> Result<Vec<WireTool<'a>>, ApiError> {
    let mut written = Vec::with_capacity(request.tools.len());
    for tool in request.tools.iter().filter(|tool| is_left(tool, request.tool_choice.as_ref(), rules)) {
        let cache_control = cache.take(tool.cache.as_ref());
        match &tool.kind {
            ToolKind::Function { name, description, parameters, strict } => {
                let input_schema = object_schema(parameters.as_deref(), name)?;
                let strict = strict.unwrap_or(false);
                let can_be_strict = rules.structured_output && is_strict(&input_schema);
                if strict && !can_be_strict {
                    dropped.add("strict");
                }
                let description = description.as_deref();
                written.push(WireTool::Function { name, description, input_schema, strict: strict && can_be_strict, cache_control });
            }
            // Free text as the one argument; the answer comes as a function call.
            ToolKind::Custom { name, description, format: _ } => {
                dropped.add("custom");
                let input_schema = to_raw(&serde_json::json!({
                    "type": "object",
                    "properties": {"input": {"type": "string"}},
                    "required": ["input"],
                }));
                let description = description.as_deref();
                written.push(WireTool::Function { name, description, input_schema, strict: false, cache_control });
            }
            ToolKind::Native { dialect: DialectId::AnthropicMessages, value, .. } => written.push(WireTool::Native(value)),
            ToolKind::Native { .. } => dropped.add("tools"),
        }
    }
    Ok(written)
}

fn is_left(tool: &Tool, choice: Option<&ToolChoice>, rules: &Rules) -> bool {
    let (ToolKind::Function { name, .. } | ToolKind::Custom { name, .. } | ToolKind::Native { name, .. }) = &tool.kind;
    match choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        // Where it cannot be forced, a tool can at least be the only one.
        Some(ToolChoice::Named(only)) if !rules.forced_tools => only == name,
        _ => true,
    }
}

/// The choice among the tools; nothing where the vendor's default says the same.
pub(super) fn choice<'a>(request: &'a Request, rules: &Rules, dropped: &mut Dropped) -> Result<Option<WireChoice<'a>>, ApiError> {
    let alone = request.parallel_tool_calls == Some(false);
    let forced =
        matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }));
    if request.tools.is_empty() {
        if forced {
            return Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` demands a tool but there is none"));
        }
        return Ok(None);
    }
    if forced && !rules.forced_tools {
        dropped.add("tool_choice");
        return Ok(alone.then_some(WireChoice::Auto { disable_parallel_tool_use: true }));
    }
    Ok(match &request.tool_choice {
        Some(ToolChoice::None) => Some(WireChoice::None),
        None if !alone => None,
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
            Some(WireChoice::Auto { disable_parallel_tool_use: alone })
        }
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
            Some(WireChoice::Any { disable_parallel_tool_use: alone })
        }
        Some(ToolChoice::Named(name)) => Some(WireChoice::Tool { name, disable_parallel_tool_use: alone }),
    })
}

/// A tool's schema, untouched but for the `type` that the vendor demands at its top.
pub(in crate::dialect) fn object_schema(parameters: Option<&RawValue>, name: &str) -> Result<Box<RawValue>, ApiError> {
    let Some(raw) = parameters else {
        return Ok(to_raw(&serde_json::json!({"type": "object", "properties": {}})));
    };
    let Ok(mut object) = RawObject::parse(raw.get().as_bytes()) else {
        let message = format!("the parameters of the tool `{name}` are not a JSON Schema object");
        return Err(ApiError::invalid("invalid_value", "tools", message));
    };
    if object.get("type").is_some_and(|t| t.get() == "\"object\"") {
        return Ok(raw.to_owned());
    }
    object.set("type", to_raw(&"object"));
    let text = String::from_utf8(object.write()).unwrap_or_default();
    RawValue::from_string(text).map_err(|_| ApiError::internal("a tool's schema could not be written"))
}

/// Whether a schema is in the strict subset as it stands.
pub(in crate::dialect) fn is_strict(schema: &RawValue) -> bool {
    schema::in_subset(schema.get()).is_some_and(|closed| serde_json::from_str::<Value>(schema.get()).is_ok_and(|open| open == closed))
}

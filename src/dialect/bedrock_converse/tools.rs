//! Tools and the choice among them, as they are written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::cache::{CachePoint, CachePoints};
use super::rules::Rules;
use super::tool_name;
use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Dropped, PartKind, Request, Tool, ToolChoice, ToolKind};
use crate::dialect::anthropic_messages::tools::{is_strict, object_schema};

/// Stands for the tools of a conversation that goes on without them: their blocks are refused where no tool is given.
const PLACEHOLDER: &str = "unavailable_tool";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    pub(super) tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<WireChoice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum WireTool<'a> {
    ToolSpec(ToolSpec<'a>),
    CachePoint(CachePoint),
    #[serde(untagged)]
    Native(&'a Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolSpec<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct InputSchema {
    json: Box<RawValue>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum WireChoice<'a> {
    Auto {},
    Any {},
    Tool { name: Cow<'a, str> },
}

impl WireChoice<'_> {
    /// The model has to call a tool.
    pub(super) fn is_forced(&self) -> bool {
        !matches!(self, Self::Auto {})
    }
}

impl<'a> WireTool<'a> {
    pub(super) fn is_called(&self, name: &str) -> bool {
        matches!(self, Self::ToolSpec(spec) if spec.name == name)
    }

    pub(super) fn spec(name: Cow<'a, str>, description: Option<&'a str>, schema: Box<RawValue>, strict: bool) -> Self {
        let description = description.filter(|description| !description.is_empty());
        Self::ToolSpec(ToolSpec { name, description, input_schema: InputSchema { json: schema }, strict })
    }
}

/// The request's tools: those that the choice leaves, where it allows only some.
pub(super) fn tools<'a>(
    request: &'a Request,
    rules: &Rules<'_>,
    cache: &mut CachePoints,
    dropped: &mut Dropped,
) -> Result<Vec<WireTool<'a>>, ApiError> {
    let in_history = has_tool_blocks(request);
    let mut written = Vec::with_capacity(request.tools.len());
    for tool in request.tools.iter().filter(|tool| is_left(tool, request.tool_choice.as_ref(), rules, in_history)) {
        match &tool.kind {
            ToolKind::Function { name, description, parameters, strict } => {
                let schema = object_schema(parameters.as_deref(), name)?;
                let strict = strict.unwrap_or(false);
                let can_be_strict = rules.structures_output() && is_strict(&schema);
                if strict && !can_be_strict {
                    dropped.add("strict");
                }
                written.push(WireTool::spec(tool_name::accepted(name)?, description.as_deref(), schema, strict && can_be_strict));
            }
            // Free text as the one argument; the answer comes as a function call.
            ToolKind::Custom { name, description, .. } => {
                dropped.add("custom");
                let schema = to_raw(&json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}));
                written.push(WireTool::spec(tool_name::accepted(name)?, description.as_deref(), schema, false));
            }
            ToolKind::Native { dialect: DialectId::BedrockConverse, value, .. } => written.push(WireTool::Native(value)),
            ToolKind::Native { .. } => {
                dropped.add("tools");
                continue;
            }
        }
        written.extend(cache.take(tool.cache.as_ref()).map(WireTool::CachePoint));
    }
    if written.is_empty() && in_history {
        written.push(WireTool::spec(PLACEHOLDER.into(), Some("Not available. Do not call it."), object_schema(None, PLACEHOLDER)?, false));
    }
    Ok(written)
}

fn has_tool_blocks(request: &Request) -> bool {
    let is_tool = |kind: &PartKind| matches!(kind, PartKind::ToolCall { .. } | PartKind::ToolResult { .. });
    request.messages.iter().flat_map(|message| &message.parts).any(|part| is_tool(&part.kind))
}

fn is_left(tool: &Tool, choice: Option<&ToolChoice>, rules: &Rules<'_>, in_history: bool) -> bool {
    let (ToolKind::Function { name, .. } | ToolKind::Custom { name, .. } | ToolKind::Native { name, .. }) = &tool.kind;
    match choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        // Where it cannot be forced, a tool can at least be the only one.
        Some(ToolChoice::Named(only)) if !rules.forces_tools() => only == name,
        // There is no word for this; without tools none can be called.
        Some(ToolChoice::None) => in_history,
        _ => true,
    }
}

/// The choice among the tools; nothing where the vendor's default says the same.
pub(super) fn choice<'a>(request: &'a Request, rules: &Rules<'_>, dropped: &mut Dropped) -> Result<Option<WireChoice<'a>>, ApiError> {
    let forced =
        matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }));
    if request.tools.is_empty() {
        return if forced {
            Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` demands a tool but there is none"))
        } else {
            Ok(None)
        };
    }
    if forced && !rules.forces_tools() {
        dropped.add("tool_choice");
        return Ok(None);
    }
    Ok(match &request.tool_choice {
        None | Some(ToolChoice::Allowed { required: false, .. }) => None,
        Some(ToolChoice::Auto) => Some(WireChoice::Auto {}),
        Some(ToolChoice::None) => {
            if has_tool_blocks(request) {
                dropped.add("tool_choice");
            }
            None
        }
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => Some(WireChoice::Any {}),
        Some(ToolChoice::Named(name)) => Some(WireChoice::Tool { name: tool_name::accepted(name)? }),
    })
}

/// Keeps the model from calling several tools at once, where it has a field for that.
pub(super) fn single_tool(
    request: &Request,
    rules: &Rules<'_>,
    config: Option<&ToolConfig<'_>>,
    fields: &mut Map<String, Value>,
    dropped: &mut Dropped,
) {
    let Some(config) = config.filter(|_| request.parallel_tool_calls == Some(false)) else { return };
    if rules.facts.single_tool != Some(true) {
        dropped.add("parallel_tool_calls");
        return;
    }
    let mut choice = match &config.tool_choice {
        None | Some(WireChoice::Auto {}) => json!({"type": "auto"}),
        Some(WireChoice::Any {}) => json!({"type": "any"}),
        Some(WireChoice::Tool { name }) => json!({"type": "tool", "name": name}),
    };
    if let Some(choice) = choice.as_object_mut() {
        choice.insert("disable_parallel_tool_use".to_owned(), true.into());
    }
    fields.insert("tool_choice".to_owned(), choice);
}

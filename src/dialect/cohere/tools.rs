//! Tools and the choice among them, as they are written. Cohere knows no choice of one tool: only that one is offered then.

use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;

use crate::base::raw::to_raw;
use crate::chat::{ApiError, Dropped, Request, Tool, ToolChoice, ToolKind};

/// What is written of the tools.
#[derive(Default)]
pub(super) struct Tools<'a> {
    pub(super) offered: Vec<WireTool<'a>>,
    pub(super) choice: Option<&'static str>,
    /// Calls have to follow the tools' schemas.
    pub(super) strict: bool,
}

#[derive(Serialize)]
pub(super) struct WireTool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Box<RawValue>,
}

/// The tools that the choice leaves, and the choice.
pub(super) fn tools<'a>(request: &'a Request, dropped: &mut Dropped) -> Result<Tools<'a>, ApiError> {
    let is_left = |name: &str| match &request.tool_choice {
        Some(ToolChoice::Named(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        None | Some(ToolChoice::Auto | ToolChoice::Required | ToolChoice::None) => true,
    };
    let mut tools = Tools { strict: true, ..Tools::default() };
    let mut wants_strict = false;
    for Tool { kind, .. } in &request.tools {
        let (name, description, parameters, strict) = match kind {
            ToolKind::Function { name, description, parameters, strict } => {
                let parameters = parameters.clone().unwrap_or_else(|| to_raw(&json!({"type": "object", "properties": {}})));
                (name, description, parameters, *strict == Some(true))
            }
            // Free text as the one argument; the answer comes as a function call.
            ToolKind::Custom { name, description, .. } => {
                dropped.add("custom");
                let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
                (name, description, to_raw(&input), false)
            }
            ToolKind::Native { .. } => {
                dropped.add("tools");
                continue;
            }
        };
        if is_left(name) {
            wants_strict |= strict;
            tools.strict &= strict && requires_something(&parameters);
            let function = Function { name, description: description.as_deref(), parameters };
            tools.offered.push(WireTool { r#type: "function", function });
        }
    }
    // Strict are all tools or none.
    tools.strict &= wants_strict;
    if wants_strict && !tools.strict {
        dropped.add("strict");
    }
    if request.parallel_tool_calls == Some(false) && !tools.offered.is_empty() {
        dropped.add("parallel_tool_calls");
    }
    tools.choice = match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }) => {
            if tools.offered.is_empty() {
                return Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` demands a tool but there is none"));
            }
            Some("REQUIRED")
        }
        Some(ToolChoice::None) if !tools.offered.is_empty() => Some("NONE"),
        _ => None,
    };
    Ok(tools)
}

/// Whether a schema demands a property, without which the vendor refuses it as a strict one.
fn requires_something(parameters: &RawValue) -> bool {
    let schema: Value = serde_json::from_str(parameters.get()).unwrap_or_default();
    schema.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
}

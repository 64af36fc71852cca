//! Tools and the choice among them, as they are written.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema;
use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Dropped, Request, Tool, ToolChoice, ToolKind};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireTool<'a> {
    /// All functions belong into one tool.
    #[serde(rename_all = "camelCase")]
    Functions {
        function_declarations: Vec<Declaration<'a>>,
    },
    Native(&'a Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Box<RawValue>>,
}

/// `toolConfig.functionCallingConfig`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallingConfig<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<&'a str>,
}

/// The request's tools.
pub(super) fn tools<'a>(request: &'a Request, dropped: &mut Dropped) -> Vec<WireTool<'a>> {
    let mut written = Vec::new();
    let mut function_declarations = Vec::with_capacity(request.tools.len());
    for Tool { kind, .. } in &request.tools {
        match kind {
            ToolKind::Function { name, description, parameters, .. } => {
                let parameters_json_schema = parameters.as_deref().filter(|schema| schema.get() != "{}").map(schema::in_subset);
                function_declarations.push(Declaration { name, description: description.as_deref(), parameters_json_schema });
            }
            // Free text as the one argument; the answer comes as a function call.
            ToolKind::Custom { name, description, .. } => {
                dropped.add("custom");
                let input = serde_json::json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
                let parameters_json_schema = Some(to_raw(&input));
                function_declarations.push(Declaration { name, description: description.as_deref(), parameters_json_schema });
            }
            ToolKind::Native { dialect: DialectId::Gemini, value, .. } => written.push(WireTool::Native(value)),
            ToolKind::Native { .. } => dropped.add("tools"),
        }
    }
    if !function_declarations.is_empty() {
        written.push(WireTool::Functions { function_declarations });
    }
    written
}

/// The choice among the functions; nothing where the vendor's default says the same.
pub(super) fn choice<'a>(request: &'a Request, dropped: &mut Dropped) -> Result<Option<CallingConfig<'a>>, ApiError> {
    if request.parallel_tool_calls == Some(false) {
        dropped.add("parallel_tool_calls");
    }
    let choice = request.tool_choice.as_ref();
    let of = |mode, names: Vec<&'a str>| Some(CallingConfig { mode, allowed_function_names: names });
    if request.tools.is_empty() {
        let forced = matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }));
        return if forced {
            Err(ApiError::invalid("invalid_value", "tool_choice", "`tool_choice` demands a tool but there is none"))
        } else {
            Ok(None)
        };
    }
    let strict = request.tools.iter().any(|tool| matches!(tool.kind, ToolKind::Function { strict: Some(true), .. }));
    Ok(match choice {
        None | Some(ToolChoice::Auto) if strict => of("VALIDATED", Vec::new()),
        None => None,
        Some(ToolChoice::Auto) => of("AUTO", Vec::new()),
        Some(ToolChoice::None) => of("NONE", Vec::new()),
        Some(ToolChoice::Required) => of("ANY", Vec::new()),
        Some(ToolChoice::Named(name)) => of("ANY", vec![name]),
        Some(ToolChoice::Allowed { names, required }) => {
            of(if *required { "ANY" } else { "VALIDATED" }, names.iter().map(String::as_str).collect())
        }
    })
}

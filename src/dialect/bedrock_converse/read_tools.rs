//! Reads a client's tools and the choice among them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::TOOLS;
use super::read_blocks::CachePoint;
use crate::base::raw::RawObject;
use crate::chat::{ApiError, DialectId, RawJson, Request, Tool, ToolChoice, ToolKind};
use crate::dialect::fields::{Fields, wrong_type};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTool {
    #[serde(default)]
    tool_spec: Option<ToolSpec>,
    #[serde(default)]
    cache_point: Option<CachePoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec {
    name: String,
    #[serde(default)]
    description: Option<String>,
    input_schema: InputSchema,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct InputSchema {
    json: RawJson,
}

/// Reads `toolConfig`.
pub(super) fn read_config(raw: &RawValue, request: &mut Request) -> Result<(), ApiError> {
    let mut config = Fields::of(raw, TOOLS)?;
    for (at, tool) in config.take::<Vec<RawJson>>(&["tools"])?.unwrap_or_default().iter().enumerate() {
        read_tool(tool, &format!("{TOOLS}.tools[{at}]"), &mut request.tools)?;
    }
    if let Some(choice) = config.raw(&["toolChoice"]) {
        request.tool_choice = Some(read_choice(&choice)?);
    }
    Ok(())
}

fn read_tool(raw: &RawValue, at: &str, tools: &mut Vec<Tool>) -> Result<(), ApiError> {
    let tool: WireTool = serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))?;
    match (tool.tool_spec, tool.cache_point) {
        (Some(spec), _) => {
            let parameters = Some(spec.input_schema.json);
            let kind = ToolKind::Function { name: spec.name, description: spec.description, parameters, strict: spec.strict };
            tools.push(Tool { kind, cache: None });
        }
        (None, Some(point)) => {
            if let Some(last) = tools.last_mut() {
                last.cache = Some(point.hint());
            }
        }
        (None, None) => {
            let value: Value = serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))?;
            let name = value.pointer("/systemTool/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            tools.push(Tool { kind: ToolKind::Native { dialect: DialectId::BedrockConverse, name, value }, cache: None });
        }
    }
    Ok(())
}

fn read_choice(raw: &RawValue) -> Result<ToolChoice, ApiError> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    const AT: &str = "toolConfig.toolChoice";
    let choice = RawObject::parse(raw.get().as_bytes()).map_err(|_| wrong_type(AT))?;
    if let Some(tool) = choice.get("tool") {
        let named: Named = serde_json::from_str(tool.get()).map_err(|_| wrong_type("toolConfig.toolChoice.tool"))?;
        return Ok(ToolChoice::Named(named.name));
    }
    match (choice.contains("auto"), choice.contains("any")) {
        (true, false) => Ok(ToolChoice::Auto),
        (false, true) => Ok(ToolChoice::Required),
        _ => Err(ApiError::invalid("invalid_value", AT, "the choice has to be one of `auto`, `any` and `tool`")),
    }
}

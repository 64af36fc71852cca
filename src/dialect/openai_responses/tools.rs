//! Tools and the choice among them, read from a client and written to a vendor. A function's fields lie flat beside its type.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Dropped, Request, Tool, ToolChoice, ToolKind};
use crate::dialect::fields::{Fields, wrong_type};

/// Reads a client's tools.
pub(super) fn read_tools(raw: Vec<Box<RawValue>>) -> Result<Vec<Tool>, ApiError> {
    let mut tools = Vec::with_capacity(raw.len());
    for (at, raw) in raw.iter().enumerate() {
        let bad = || wrong_type(&format!("tools[{at}]"));
        let mut fields = Fields::of(raw, "tools")?;
        let kind: String = fields.take(&["type"])?.ok_or_else(bad)?;
        let kind = match kind.as_str() {
            "function" => ToolKind::Function {
                name: fields.take(&["name"])?.ok_or_else(bad)?,
                description: fields.take(&["description"])?,
                parameters: fields.raw(&["parameters"]),
                strict: fields.take(&["strict"])?,
            },
            "custom" => ToolKind::Custom {
                name: fields.take(&["name"])?.ok_or_else(bad)?,
                description: fields.take(&["description"])?,
                format: fields.take(&["format"])?,
            },
            _ => {
                let value = serde_json::from_str(raw.get()).map_err(|_| bad())?;
                ToolKind::Native { dialect: DialectId::OpenAiResponses, name: kind, value }
            }
        };
        tools.push(Tool { kind, cache: None });
    }
    Ok(tools)
}

/// Reads a client's choice.
pub(super) fn read_choice(raw: &Value) -> Result<ToolChoice, ApiError> {
    let refused = || ApiError::invalid("unsupported_parameter", "tool_choice", "`tool_choice` names what only its own vendor has");
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    match (raw.as_str(), raw.get("type").and_then(Value::as_str)) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (None, Some("function" | "custom")) => name(raw).map(ToolChoice::Named).ok_or_else(|| wrong_type("tool_choice")),
        (None, Some("allowed_tools")) => {
            let names = raw.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(name).collect();
            Ok(ToolChoice::Allowed { names, required: raw.get("mode").is_some_and(|mode| mode == "required") })
        }
        _ => Err(refused()),
    }
}

/// The names of a request's tools that take free text.
pub(super) fn custom_names(request: &[u8]) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        tools: Vec<Named>,
    }
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(default)]
        r#type: String,
        #[serde(default)]
        name: Option<String>,
    }
    let tools = serde_json::from_slice::<Body>(request).map(|body| body.tools).unwrap_or_default();
    tools.into_iter().filter(|tool| tool.r#type == "custom").filter_map(|tool| tool.name).collect()
}

/// The free text in the arguments of a tool that other vendors know only as a function.
pub(super) fn free_text(arguments: &str) -> String {
    match serde_json::from_str::<Map<String, Value>>(arguments) {
        Ok(fields) if fields.len() == 1 => match fields.get("input") {
            Some(Value::String(text)) => text.clone(),
            _ => arguments.to_owned(),
        },
        _ => arguments.to_owned(),
    }
}

/// The request's tools for a vendor.
pub(super) fn write_tools(request: &Request, dropped: &mut Dropped) -> Vec<Box<RawValue>> {
    let mut written = Vec::with_capacity(request.tools.len());
    for Tool { kind, .. } in &request.tools {
        match kind {
            ToolKind::Function { name, description, parameters, strict } => {
                written.push(function(name, description.as_deref(), parameters.as_deref(), strict.unwrap_or(false)));
            }
            // A stream does not tell the hub which calls hold free text, so that it travels as the one argument of a function.
            ToolKind::Custom { name, description, .. } => {
                dropped.add("custom");
                let input = to_raw(&json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}));
                written.push(function(name, description.as_deref(), Some(&input), false));
            }
            ToolKind::Native { dialect: DialectId::OpenAiResponses, value, .. } => written.push(to_raw(value)),
            ToolKind::Native { .. } => dropped.add("tools"),
        }
    }
    written
}

/// A function. Unless it is told otherwise, this API is strict.
fn function(name: &str, description: Option<&str>, parameters: Option<&RawValue>, strict: bool) -> Box<RawValue> {
    #[derive(serde::Serialize)]
    struct Function<'a> {
        r#type: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        parameters: Option<&'a RawValue>,
        strict: bool,
    }
    to_raw(&Function { r#type: "function", name, description, parameters, strict })
}

/// The choice for a vendor.
pub(super) fn write_choice(choice: &ToolChoice) -> Value {
    let named = |name: &String| json!({"type": "function", "name": name});
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => named(name),
        ToolChoice::Allowed { names, required } => {
            let mode = if *required { "required" } else { "auto" };
            json!({"type": "allowed_tools", "mode": mode, "tools": names.iter().map(named).collect::<Vec<_>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_they_are_written() {
        for choice in [
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Required,
            ToolChoice::Named("f".into()),
            ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required: true },
        ] {
            assert_eq!(read_choice(&write_choice(&choice)), Ok(choice));
        }
        assert_eq!(read_choice(&json!({"type": "web_search"})).unwrap_err().param.as_deref(), Some("tool_choice"));
    }

    #[test]
    fn free_text_is_unwrapped_where_it_was_wrapped() {
        assert_eq!(free_text(r#"{"input":"*** Begin"}"#), "*** Begin");
        for other in ["plain", r#"{"input":1}"#, r#"{"input":"a","more":1}"#] {
            assert_eq!(free_text(other), other);
        }
        let body = br#"{"tools":[{"type":"custom","name":"patch"},{"type":"function","name":"f"},{"type":"web_search"}]}"#;
        assert_eq!(custom_names(body), ["patch"]);
    }
}

//! Structured output: natively where model and schema allow it, else through a tool whose arguments are the answer.

use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::JSON_TOOL;
use super::block::Block;
use super::rules::Rules;
use super::tools::{WireChoice, WireTool};
use crate::chat::{ApiError, Dropped, OutputFormat, Request, ToolChoice};
use crate::dialect::anthropic_messages::schema;
use crate::dialect::anthropic_messages::tools::object_schema;

const JSON_INSTRUCTION: &str = "Answer with one valid JSON object and nothing else: no other text, no code fence.";
const TOOL_INSTRUCTION: &str = "When you are ready to answer, call the tool `json_tool_call` with the answer. Do not answer in text.";
const TOOL_DESCRIPTION: &str = "Gives the final answer.";

/// `outputConfig.textFormat`.
#[derive(Serialize)]
pub(super) struct TextFormat<'a> {
    r#type: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    /// JSON in a string.
    schema: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

/// Asks for the output format. Returns it where the model takes it natively.
pub(super) fn apply<'a>(
    request: &'a Request,
    rules: &Rules<'_>,
    system: &mut Vec<Block<'a>>,
    tools: &mut Vec<WireTool<'a>>,
    choice: &mut Option<WireChoice<'a>>,
    dropped: &mut Dropped,
) -> Result<Option<TextFormat<'a>>, ApiError> {
    match &request.output {
        OutputFormat::Text => Ok(None),
        OutputFormat::JsonObject => {
            system.push(Block::text(JSON_INSTRUCTION));
            Ok(None)
        }
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            if rules.structures_output()
                && let Some(closed) = schema::in_subset(schema.get())
            {
                let json_schema = JsonSchema { schema: closed.to_string(), name, description: description.as_deref() };
                return Ok(Some(TextFormat { r#type: "json_schema", structure: Structure { json_schema } }));
            }
            // A turn that must be a call of the client's own tool holds no text to be formatted.
            if !choice.as_ref().is_some_and(WireChoice::is_forced) {
                // A tool's arguments mostly keep to its schema, but the vendor does not vouch for it.
                if *strict == Some(true) {
                    dropped.add("strict");
                }
                let barred = request.tool_choice == Some(ToolChoice::None);
                by_tool(description.as_deref(), schema, rules, barred, system, tools, choice)?;
            }
            Ok(None)
        }
    }
}

fn by_tool<'a>(
    description: Option<&'a str>,
    schema: &'a RawValue,
    rules: &Rules<'_>,
    barred: bool,
    system: &mut Vec<Block<'a>>,
    tools: &mut Vec<WireTool<'a>>,
    choice: &mut Option<WireChoice<'a>>,
) -> Result<(), ApiError> {
    if tools.iter().any(|tool| tool.is_called(JSON_TOOL)) {
        let message = format!("a tool cannot be called `{JSON_TOOL}` here: that tool stands for the answer's format");
        return Err(ApiError::invalid("invalid_value", "tools", message));
    }
    // With tools of the client's, the model may call one of them first; barred from them, it may only answer.
    let only_answer = tools.is_empty() || barred;
    let input = object_schema(Some(schema), JSON_TOOL)?;
    tools.push(WireTool::spec(JSON_TOOL.into(), Some(description.unwrap_or(TOOL_DESCRIPTION)), input, false));
    *choice = match (rules.forces_tools(), only_answer) {
        (true, true) => Some(WireChoice::Tool { name: JSON_TOOL.into() }),
        (true, false) => Some(WireChoice::Any {}),
        (false, _) => {
            system.push(Block::text(TOOL_INSTRUCTION));
            None
        }
    };
    Ok(())
}

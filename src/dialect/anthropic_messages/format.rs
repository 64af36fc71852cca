//! Structured output: natively where model and schema allow it, else through a tool whose arguments are the answer.

use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::JSON_TOOL;
use super::block::Block;
use super::models::Rules;
use super::schema;
use super::tools::{WireChoice, WireTool, object_schema};
use crate::chat::{ApiError, Dropped, OutputFormat};

const JSON_INSTRUCTION: &str = "Answer with one valid JSON object and nothing else: no other text, no code fence.";
const TOOL_INSTRUCTION: &str = "When you are ready to answer, call the tool `json_tool_call` with the answer. Do not answer in text.";
const TOOL_DESCRIPTION: &str = "Gives the final answer.";

/// Asks for the output format. Returns the schema for `output_config.format` where the model takes it.
pub(super) fn apply<'a>(
    output: &'a OutputFormat,
    rules: &Rules,
    system: &mut Vec<Block<'a>>,
    tools: &mut Vec<WireTool<'a>>,
    choice: &mut Option<WireChoice<'a>>,
    dropped: &mut Dropped,
) -> Result<Option<Value>, ApiError> {
    match output {
        OutputFormat::Text => Ok(None),
        OutputFormat::JsonObject => {
            system.push(Block::text(JSON_INSTRUCTION));
            Ok(None)
        }
        OutputFormat::JsonSchema { description, schema, strict, .. } => {
            if rules.structured_output
                && let Some(closed) = schema::in_subset(schema.get())
            {
                return Ok(Some(closed));
            }
            // A turn that must be a call of the client's own tool holds no text to be formatted.
            if !choice.as_ref().is_some_and(WireChoice::is_forced) {
                // A tool's arguments mostly keep to its schema, but the vendor does not vouch for it.
                if *strict == Some(true) {
                    dropped.add("strict");
                }
                by_tool(description.as_deref(), schema, rules, system, tools, choice)?;
            }
            Ok(None)
        }
    }
}

fn by_tool<'a>(
    description: Option<&'a str>,
    schema: &'a RawValue,
    rules: &Rules,
    system: &mut Vec<Block<'a>>,
    tools: &mut Vec<WireTool<'a>>,
    choice: &mut Option<WireChoice<'a>>,
) -> Result<(), ApiError> {
    if tools.iter().any(|tool| matches!(tool, WireTool::Function { name: JSON_TOOL, .. })) {
        let message = format!("a tool cannot be called `{JSON_TOOL}` here: that tool stands for the answer's format");
        return Err(ApiError::invalid("invalid_value", "tools", message));
    }
    // With tools of the client's, the model may call one of them first; barred from them, it may only answer.
    let only_answer = tools.is_empty() || *choice == Some(WireChoice::None);
    let alone = matches!(choice, Some(WireChoice::Auto { disable_parallel_tool_use: true }));
    tools.push(WireTool::Function {
        name: JSON_TOOL,
        description: Some(description.unwrap_or(TOOL_DESCRIPTION)),
        input_schema: object_schema(Some(schema), JSON_TOOL)?,
        strict: false,
        cache_control: None,
    });
    *choice = match (rules.forced_tools, only_answer) {
        (true, true) => Some(WireChoice::Tool { name: JSON_TOOL, disable_parallel_tool_use: true }),
        (true, false) => Some(WireChoice::Any { disable_parallel_tool_use: alone }),
        (false, _) => {
            system.push(Block::text(TOOL_INSTRUCTION));
            Some(WireChoice::Auto { disable_parallel_tool_use: alone })
        }
    };
    Ok(())
}

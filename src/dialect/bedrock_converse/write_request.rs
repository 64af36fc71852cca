//! Writes a request to a vendor.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::block::Block;
use super::cache::CachePoints;
use super::fields::{INFERENCE, MODEL, OUTPUT, RESPONSE_PATHS, STOP_SEQUENCE_PATH, TOOLS};
use super::format::{self, TextFormat};
use super::reasoning;
use super::rules::Rules;
use super::tools::{self, ToolConfig};
use super::turns::{self, Turn};
use crate::chat::{ApiError, DialectId, Dropped, Request};
use crate::dialect::anthropic_messages::write_request as anthropic;
use crate::dialect::{To, Written};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    additional_model_request_fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_field_paths: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Output::is_empty")]
    output_config: Output<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_metadata: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Tier<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Inference<'_> {
    fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
            && self.extra.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Output<'_> {
    fn is_empty(&self) -> bool {
        self.text_format.is_none() && self.extra.is_empty()
    }
}

#[derive(Serialize)]
struct Tier<'a> {
    r#type: &'a str,
}

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let own = request.origin == DialectId::BedrockConverse;
    let rules = Rules::of(to.model, to.quirks);
    let mut dropped = Dropped::default();
    anthropic::refuse(request)?;
    let mut extra = if own { request.extra.clone() } else { anthropic::drop_extra(request, &mut dropped) };
    if request.user.is_some() {
        dropped.add("user");
    }

    let mut cache = CachePoints::new(rules.facts.cache_points == Some(true));
    let mut tools = tools::tools(request, &rules, &mut cache, &mut dropped)?;
    // Where none of the tools could be said there is nothing to choose.
    let mut tool_choice = tools::choice(request, &rules, &mut dropped)?.filter(|_| !tools.is_empty());
    let turns::Turns { mut system, turns } = turns::turns(request, &rules, &mut cache, &mut dropped)?;
    if cache.lost {
        dropped.add("prompt_cache_breakpoint");
    }
    let text_format = format::apply(request, &rules, &mut system, &mut tools, &mut tool_choice, &mut dropped)?;
    let tool_config = (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice });

    let mut fields = object(&mut extra, MODEL);
    let forced = tool_config.as_ref().and_then(|config| config.tool_choice.as_ref()).is_some_and(tools::WireChoice::is_forced);
    let bars = reasoning::Bars { forced, unthought: lacks_thinking(&turns) };
    let max_tokens = max_tokens(request, &rules, &mut dropped);
    let plan = reasoning::write(request.reasoning.as_ref(), &rules, max_tokens, bars, &mut fields, &mut dropped);
    tools::single_tool(request, &rules, tool_config.as_ref(), &mut fields, &mut dropped);
    let (temperature, top_p, top_k) = anthropic::sampling(&request.sampling, &rules.common, &plan, &mut dropped);
    match (top_k, &rules.facts.top_k) {
        (Some(top_k), Some(path)) => insert(&mut fields, path, top_k.into()),
        (Some(_), None) => dropped.add("top_k"),
        (None, _) => {}
    }
    let stop_sequences = anthropic::stop_sequences(request, &mut dropped);
    // Claude tells which one it met, if it is asked to.
    let asks = rules.claude.is_some() && !stop_sequences.is_empty() && !extra.contains_key(RESPONSE_PATHS);

    let body = Body {
        messages: turns,
        system,
        inference_config: Inference { max_tokens, temperature, top_p, stop_sequences, extra: object(&mut extra, INFERENCE) },
        tool_config,
        additional_model_request_fields: fields,
        additional_model_response_field_paths: asks.then_some([STOP_SEQUENCE_PATH]),
        output_config: Output { text_format, extra: object(&mut extra, OUTPUT) },
        request_metadata: metadata(request, &mut dropped),
        service_tier: service_tier(request, &mut dropped),
        extra: {
            extra.shift_remove(TOOLS);
            extra
        },
    };
    let text = serde_json::to_vec(&body).map_err(|_| ApiError::internal("the request could not be written"))?;
    Ok(Written { body: Bytes::from(text), dropped })
}

fn object(extra: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match extra.shift_remove(key) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Puts a value where a path leads.
fn insert(fields: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            fields.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            if let Value::Object(inner) = fields.entry(first.as_str()).or_insert_with(|| Map::new().into()) {
                insert(inner, rest, value);
            }
        }
    }
}

fn max_tokens(request: &Request, rules: &Rules<'_>, dropped: &mut Dropped) -> Option<u64> {
    let wanted = request.sampling.max_tokens?.max(1);
    // The vendor refuses a limit beyond what the model can do.
    match rules.claude.and_then(|claude| claude.output_cap).filter(|cap| wanted > *cap) {
        Some(cap) => {
            dropped.add("max_tokens");
            Some(cap)
        }
        None => Some(wanted),
    }
}

/// Whether the tool loop that the request continues began without thinking, as it does when a client without a place for it sends
/// it back. Claude refuses to go on thinking then.
fn lacks_thinking(turns: &[Turn<'_>]) -> bool {
    let [.., last_assistant, last] = turns else { return false };
    let is_loop = last_assistant.role == "assistant" && last.content.iter().any(|block| matches!(block, Block::ToolResult(_)));
    is_loop && !matches!(last_assistant.content.first(), Some(Block::ReasoningContent(_)))
}

/// Pairs of short texts of a small alphabet, sixteen of them.
fn metadata<'a>(request: &'a Request, dropped: &mut Dropped) -> Option<&'a Map<String, Value>> {
    let metadata = request.metadata.as_ref().filter(|metadata| !metadata.is_empty())?;
    let good = |text: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c);
        text.len() <= 256 && text.chars().all(known)
    };
    let fits = metadata.len() <= 16 && metadata.iter().all(|(key, value)| !key.is_empty() && good(key) && value.as_str().is_some_and(good));
    if !fits {
        dropped.add("metadata");
    }
    fits.then_some(metadata)
}

fn service_tier<'a>(request: &'a Request, dropped: &mut Dropped) -> Option<Tier<'a>> {
    match request.service_tier.as_deref()? {
        "auto" => None,
        tier @ ("default" | "flex" | "priority" | "reserved") => Some(Tier { r#type: tier }),
        _ => {
            dropped.add("service_tier");
            None
        }
    }
}

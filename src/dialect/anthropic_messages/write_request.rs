//! Writes a request to a vendor.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::block::{Block, CacheMarkers, unsupported};
use super::models::{Rules, SamplingRule};
use super::reasoning::{self, Plan, ThinkingParam};
use super::tools::{self, WireChoice, WireTool};
use super::turns::{self, Turn};
use super::{format, models};
use crate::chat::{ApiError, DialectId, Dropped, Reasoning, Request, Sampling};
use crate::dialect::{To, Written};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireChoice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingParam>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Default, Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<JsonSchema>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "json_schema")]
struct JsonSchema {
    schema: Value,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let own = request.origin == DialectId::AnthropicMessages;
    let rules = Rules::of(to.model, to.quirks);
    let mut dropped = Dropped::default();
    refuse(request)?;
    let mut extra = if own { request.extra.clone() } else { drop_extra(request, &mut dropped) };

    let mut cache = CacheMarkers::default();
    let mut tools = tools::tools(request, &rules, &mut cache, &mut dropped)?;
    let mut tool_choice = tools::choice(request, &rules, &mut dropped)?;
    if tools.is_empty() {
        // None of them could be said.
        tool_choice = None;
    }
    let turns::Turns { mut system, turns } = turns::turns(request, &rules, &mut cache, &mut dropped)?;
    if cache.lost {
        dropped.add("prompt_cache_breakpoint");
    }
    let schema = format::apply(&request.output, &rules, &mut system, &mut tools, &mut tool_choice, &mut dropped)?;

    let max_tokens = max_tokens(&request.sampling, &rules, &mut dropped);
    let plan = plan(request, &rules, max_tokens, &turns, tool_choice.as_ref(), &mut dropped);
    let (temperature, top_p, top_k) = sampling(&request.sampling, &rules, &plan, &mut dropped);

    let quirks = to.quirks.request_for(to.model);
    let mut body = Body {
        model: (!quirks.clone().any(|quirks| quirks.model_in_path)).then_some(to.model),
        max_tokens,
        system,
        messages: turns,
        tools,
        tool_choice,
        stop_sequences: stop_sequences(request, &mut dropped),
        stream: request.stream,
        temperature,
        top_p,
        top_k,
        thinking: plan.thinking,
        output_config: OutputConfig { effort: plan.effort, format: schema.map(|schema| JsonSchema { schema }) },
        metadata: metadata(request, own, &mut dropped),
        service_tier: service_tier(request, own, &mut dropped),
        extra: Map::new(),
    };
    // A client of this dialect said these in full, with keys that the hub has no place for.
    if extra.contains_key("thinking") {
        body.thinking = None;
    }
    if extra.contains_key("output_config") {
        body.output_config = OutputConfig::default();
    }
    extra.retain(|_, value| !value.is_null());
    extra.extend(quirks.flat_map(|quirks| quirks.fields.clone()));
    body.extra = extra;
    let text = serde_json::to_vec(&body).map_err(|_| ApiError::internal("the request could not be written"))?;
    Ok(Written { body: Bytes::from(text), dropped })
}

/// Refuses what would change the shape of the answer.
pub(in crate::dialect) fn refuse(request: &Request) -> Result<(), ApiError> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(unsupported("n", "this vendor gives one answer at a time: `n` has to be 1"));
    }
    if request.sampling.logprobs == Some(true) {
        return Err(unsupported("logprobs", "this vendor gives no `logprobs`"));
    }
    let speaks = request.extra.get("modalities").and_then(Value::as_array).is_some_and(|m| m.iter().any(|word| word == "audio"));
    if speaks && request.origin != DialectId::AnthropicMessages {
        return Err(unsupported("modalities", "this vendor does not answer in audio"));
    }
    Ok(())
}

/// Names every field of another dialect's own. None of them has a place here.
pub(in crate::dialect) fn drop_extra(request: &Request, dropped: &mut Dropped) -> Map<String, Value> {
    for (key, value) in &request.extra {
        let says_nothing = value.is_null() || (key == "modalities" && *value == serde_json::json!(["text"]));
        if !says_nothing {
            dropped.add(key.clone());
        }
    }
    Map::new()
}

fn max_tokens(sampling: &Sampling, rules: &models::Rules, dropped: &mut Dropped) -> u64 {
    match (sampling.max_tokens, rules.output_cap) {
        (None, _) => rules.default_max_tokens(),
        // The vendor refuses a limit beyond what the model can do.
        (Some(wanted), Some(cap)) if wanted > cap => {
            dropped.add("max_tokens");
            cap
        }
        (Some(wanted), _) => wanted.max(1),
    }
}

/// Plans the reasoning and gives it up, loudly, where the rest of the request rules it out.
fn plan(
    request: &Request,
    rules: &Rules,
    max_tokens: u64,
    turns: &[Turn<'_>],
    choice: Option<&WireChoice<'_>>,
    dropped: &mut Dropped,
) -> Plan {
    if request.origin == DialectId::AnthropicMessages
        && let Some(Reasoning::Effort(effort)) = request.reasoning
    {
        // In this dialect an effort does not by itself ask for thinking.
        return Plan { thinking: None, effort: Some(reasoning::word(effort, rules.thinking)) };
    }
    let plan = reasoning::plan(request.reasoning.as_ref(), rules, max_tokens, dropped);
    // The vendor refuses to force a tool on a model that thinks. An effort alone does not hinder it.
    let forced = choice.is_some_and(WireChoice::is_forced);
    if plan.thinks() && forced || plan.has_budget() && lacks_thinking(turns) {
        dropped.add("reasoning_effort");
        return Plan { thinking: None, ..plan };
    }
    plan
}

/// Whether the tool loop that the request continues began without thinking, as it does when a client without a place for it sends
/// it back. The vendor refuses to go on thinking then.
fn lacks_thinking(turns: &[Turn<'_>]) -> bool {
    let [.., last_assistant, last] = turns else { return false };
    let is_loop = last_assistant.role == "assistant" && last.content.iter().any(|b| matches!(b, Block::ToolResult { .. }));
    is_loop && last_assistant.content.first().is_none_or(|block| block.rank() != 0)
}

/// Temperature, `top_p` and `top_k` as far as model and reasoning take them.
pub(in crate::dialect) fn sampling(
    sampling: &Sampling,
    rules: &Rules,
    plan: &Plan,
    dropped: &mut Dropped,
) -> (Option<Number>, Option<Number>, Option<u64>) {
    for (value, name) in [(&sampling.frequency_penalty, "frequency_penalty"), (&sampling.presence_penalty, "presence_penalty")] {
        if value.as_ref().and_then(Number::as_f64).is_some_and(|penalty| penalty.abs() > f64::EPSILON) {
            dropped.add(name);
        }
    }
    if sampling.seed.is_some() {
        dropped.add("seed");
    }
    if sampling.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()) {
        dropped.add("logit_bias");
    }
    if sampling.top_logprobs.is_some_and(|count| count > 0) {
        dropped.add("top_logprobs");
    }

    let refused = rules.sampling == SamplingRule::Refused;
    // 1 is the default of both, so leaving it out loses nothing.
    let is_default = |value: &Number| value.as_f64().is_some_and(|v| (v - 1.0).abs() < f64::EPSILON);
    let mut temperature = sampling.temperature.clone();
    let mut top_p = sampling.top_p.clone();
    let mut top_k = sampling.top_k;
    if let Some(wanted) = &temperature {
        if refused || plan.thinks() {
            if !is_default(wanted) {
                dropped.add("temperature");
            }
            temperature = None;
        } else if wanted.as_f64().is_some_and(|t| t > 1.0) {
            dropped.add("temperature");
            temperature = Some(Number::from(1));
        }
    }
    if let Some(wanted) = &top_p {
        let beside_temperature = rules.sampling == SamplingRule::One && temperature.is_some();
        let too_low = plan.thinks() && wanted.as_f64().is_some_and(|p| p < 0.95);
        if refused || beside_temperature || too_low {
            if !is_default(wanted) {
                dropped.add("top_p");
            }
            top_p = None;
        }
    }
    if top_k.is_some() && (refused || plan.thinks()) {
        dropped.add("top_k");
        top_k = None;
    }
    (temperature, top_p, top_k)
}

/// The vendor refuses stop sequences of white space alone.
pub(in crate::dialect) fn stop_sequences<'a>(request: &'a Request, dropped: &mut Dropped) -> Vec<&'a str> {
    let kept: Vec<_> = request.stop.iter().map(String::as_str).filter(|stop| !stop.trim().is_empty()).collect();
    if kept.len() < request.stop.len() {
        dropped.add("stop");
    }
    kept
}

fn metadata(request: &Request, own: bool, dropped: &mut Dropped) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.extend(request.user.as_ref().map(|user| ("user_id".to_owned(), Value::from(user.as_str()))));
    match &request.metadata {
        Some(fields) if own => metadata.extend(fields.clone()),
        Some(fields) if !fields.is_empty() => dropped.add("metadata"),
        _ => {}
    }
    metadata
}

fn service_tier<'a>(request: &'a Request, own: bool, dropped: &mut Dropped) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        tier if own => Some(tier),
        "auto" | "priority" => Some("auto"),
        "default" => Some("standard_only"),
        _ => {
            dropped.add("service_tier");
            None
        }
    }
}

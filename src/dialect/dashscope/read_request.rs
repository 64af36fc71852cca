//! Reads a client's request: rearranged as OpenAI's, it is read there. What only DashScope knows stays in `extra`.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{read_messages, view};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, PartKind, Reasoning, Request};
use crate::dialect::Dialect;
use crate::dialect::fields::{Fields, wrong_type};
use crate::dialect::openai_chat::OpenAiChat;

/// Parameters about the form of the answer, which is written as they say.
const FORM: [&str; 4] = ["result_format", "incremental_output", "stream", "user_agent"];

/// Reads a request.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    for name in ["model", "stream", "task"] {
        fields.raw(&[name]);
    }
    let mut openai = RawObject::default();
    openai.set("model", to_raw(&view.model));
    let input = fields.raw(&["input"]).ok_or_else(|| wrong_type("input"))?;
    let mut input = Fields::of(&input, "input")?;
    let mut own = Map::new();
    openai.set("messages", to_raw(&read_input(&mut input, &mut own)?));
    own.extend(input.rest()?);
    let mut reasoning = None;
    let parameters = fields.raw(&["parameters"]);
    if let Some(parameters) = &parameters {
        let mut parameters = Fields::of(parameters, "parameters")?;
        for name in FORM {
            parameters.raw(&[name]);
        }
        reasoning = read_thinking(&mut parameters)?;
        read_parameters(&mut parameters, &mut openai, &mut own)?;
    }
    let mut request = OpenAiChat.read_request(&openai.write())?;
    request.origin = DialectId::DashScope;
    request.reasoning = reasoning.or(request.reasoning);
    (request.stream, request.include_usage) = (view.stream, true);
    request.extra.extend(own);
    request.extra.extend(fields.rest()?);
    // Off is what others are without it.
    request.extra.retain(|_, value| !value.is_null() && *value != json!(false));
    for kind in request.messages.iter_mut().flat_map(|message| &mut message.parts).map(|part| &mut part.kind) {
        if let PartKind::Native { dialect, .. } = kind {
            *dialect = DialectId::DashScope;
        }
    }
    Ok(request)
}

/// The messages in OpenAI's form. Older clients send a history and a prompt.
fn read_input(input: &mut Fields<'_>, own: &mut Map<String, Value>) -> Result<Vec<Value>, ApiError> {
    let mut messages = Vec::new();
    for turn in input.take::<Vec<Map<String, Value>>>(&["history"])?.unwrap_or_default() {
        for (key, role) in [("user", "user"), ("bot", "assistant")] {
            messages.extend(turn.get(key).map(|content| json!({"role": role, "content": content})));
        }
    }
    for message in input.take::<Vec<Map<String, Value>>>(&["messages"])?.unwrap_or_default() {
        messages.push(read_messages::to_openai(message, own));
    }
    messages.extend(input.take::<String>(&["prompt"])?.map(|prompt| json!({"role": "user", "content": prompt})));
    Ok(messages)
}

fn read_thinking(parameters: &mut Fields<'_>) -> Result<Option<Reasoning>, ApiError> {
    let budget = parameters.take::<u64>(&["thinking_budget"])?;
    Ok(match (parameters.take::<bool>(&["enable_thinking"])?, budget) {
        (Some(false), _) => Some(Reasoning::Off),
        (_, Some(budget)) => Some(Reasoning::Budget(budget)),
        // How much may be said in OpenAI's word.
        (Some(true), None) if parameters.has("reasoning_effort") => None,
        (Some(true), None) => Some(Reasoning::Adaptive { effort: None }),
        (None, None) => None,
    })
}

/// Sorts the parameters into OpenAI's and DashScope's own.
fn read_parameters(parameters: &mut Fields<'_>, openai: &mut RawObject<'_>, own: &mut Map<String, Value>) -> Result<(), ApiError> {
    // Sequences may also be told by the tokens' numbers.
    if let Some(stop) = parameters.raw(&["stop"]) {
        if is_text(&stop) {
            openai.set("stop", stop);
        } else {
            own.insert("stop".into(), serde_json::from_str(stop.get()).map_err(|_| wrong_type("parameters.stop"))?);
        }
    }
    for (key, value) in parameters.iter() {
        openai.set_owned(key.to_owned(), value.to_owned());
    }
    Ok(())
}

fn is_text(stop: &RawValue) -> bool {
    serde_json::from_str::<String>(stop.get()).is_ok() || serde_json::from_str::<Vec<String>>(stop.get()).is_ok()
}

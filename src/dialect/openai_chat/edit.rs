//! Edits a request's fields for its vendor: the model's name, the wish for usage, and what the vendor's quirks say.
//! A field that is not edited keeps its bytes, and so does a field nobody knows.

use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{edit_messages, view};
use crate::base::json;
use crate::base::parts::Parts;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::quirks::{NamedTool, RequestQuirks};
use crate::dialect::{Layout, To, Written};

/// The longest body that is copied whole for a model's name: to send one piece takes less than to send two.
const COPIED: usize = 16 << 10;

/// Edits a client's request.
pub fn request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let layout = Layout { fields: json::members(body).collect(), answers_calls: true };
    match Splice::of(body, &layout, to) {
        Some(Splice { before, after }) => Ok(Written { body: joined(before, to.model, after), dropped: Dropped::default() }),
        None => rewritten(body, to),
    }
}

/// Edits a client's request that was looked at (`view`).
pub fn laid_out(body: &Bytes, layout: &Layout, to: &To<'_>) -> Result<(Parts, Dropped), ApiError> {
    let Some(Splice { before, after }) = Splice::of(body, layout, to) else {
        return rewritten(body, to).map(|Written { body, dropped }| (body.into(), dropped));
    };
    let parts = if body.len() <= COPIED {
        joined(before, to.model, after).into()
    } else if before.len() > after.len() {
        Parts::new(body.slice_ref(before), joined(&[], to.model, after))
    } else {
        Parts::new(joined(before, to.model, &[]), body.slice_ref(after))
    };
    Ok((parts, Dropped::default()))
}

/// A model's name between what stands before and behind it.
fn joined(before: &[u8], model: &str, after: &[u8]) -> Bytes {
    let mut joined = Vec::with_capacity(before.len() + model.len() + 2 + after.len());
    joined.extend_from_slice(before);
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(&mut joined, model);
    joined.extend_from_slice(after);
    joined.into()
}

fn rewritten(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut fields = parse(body)?;
    fields.set("model", to_raw(&to.model));
    let streams = fields.get("stream").is_some_and(|stream| stream.get() == "true");
    let options = fields.get("stream_options");
    if streams && to.want_usage && !options.is_some_and(|options| view::includes_usage(options.get())) {
        let mut options = options.and_then(|options| serde_json::from_str::<Map<String, Value>>(options.get()).ok()).unwrap_or_default();
        options.insert("include_usage".into(), true.into());
        fields.set("stream_options", to_raw(&options));
    }
    apply(fields, to, Dropped::default())
}

/// The fields of a body that has been checked (`view`).
pub fn parse(body: &[u8]) -> Result<RawObject<'_>, ApiError> {
    RawObject::parse(body).map_err(|_| ApiError::invalid_json("the request body is not a JSON object"))
}

/// What stands before and behind the model's name, where that is all there is to edit: in by far most requests, of which some are long.
struct Splice<'b> {
    before: &'b [u8],
    after: &'b [u8],
}

impl<'b> Splice<'b> {
    /// The body has been checked (`view`).
    fn of(body: &'b [u8], layout: &Layout, to: &To<'_>) -> Option<Self> {
        let key = |place: &Range<usize>| body.get(place.clone()).unwrap_or_default();
        let value = |name: &str| layout.fields.iter().find(|(own, _)| key(own) == name.as_bytes()).map(|(_, place)| place.clone());
        // A name that is spelt with escapes could be any of those that matter.
        let concern = |q: &RequestQuirks| {
            q.concern(|name| value(name).is_some())
                || layout.answers_calls && q.tool_call_id.is_some_and(|form| edit_messages::has_foreign_id(body, form))
        };
        if layout.fields.iter().any(|(own, _)| key(own).contains(&b'\\')) || to.quirks.request_for(to.model).any(concern) {
            return None;
        }
        let text = |name: &str| value(name).and_then(|place| body.get(place));
        if text("stream") == Some(b"true") && to.want_usage {
            view::includes_usage(std::str::from_utf8(text("stream_options")?).ok()?).then_some(())?;
        }
        let model = value("model")?;
        Some(Self { before: body.get(..model.start)?, after: body.get(model.end..)? })
    }
}

/// Applies the vendor's quirks to a request in OpenAI's words.
pub fn apply(mut fields: RawObject<'_>, to: &To<'_>, mut dropped: Dropped) -> Result<Written, ApiError> {
    for quirks in to.quirks.request_for(to.model) {
        Edit { fields: &mut fields, quirks, dropped: &mut dropped }.run()?;
    }
    Ok(Written { body: Bytes::from(fields.write()), dropped })
}

/// One set of quirks at work on a request.
pub(super) struct Edit<'e, 'a> {
    pub(super) fields: &'e mut RawObject<'a>,
    pub(super) quirks: &'e RequestQuirks,
    pub(super) dropped: &'e mut Dropped,
}

impl Edit<'_, '_> {
    fn run(&mut self) -> Result<(), ApiError> {
        self.reject()?;
        self.map_values();
        self.stand_in();
        self.map_effort();
        self.choose_tool();
        self.fill_parameters();
        let instruction = self.lower_schema().or_else(|| self.ask_for_json());
        self.edit_messages(instruction);
        self.mind_thinking();
        self.rename();
        self.cap();
        for name in &self.quirks.drop {
            self.leave_out(name);
        }
        self.ask_for_stream();
        if self.quirks.no_stream_options {
            self.fields.remove("stream_options");
        }
        if let Some(accepted) = &self.quirks.accept {
            let others: Vec<String> =
                self.fields.iter().map(|(key, _)| key).filter(|key| !accepted.iter().any(|a| a == key)).map(str::to_owned).collect();
            others.iter().for_each(|name| self.leave_out(name));
        }
        Ok(())
    }

    /// Removes a field, and says so if that loses anything.
    pub(super) fn leave_out(&mut self, name: &str) {
        if let Some(value) = self.fields.remove(name)
            && !says_nothing(name, &value)
        {
            self.dropped.add(name.to_owned());
        }
    }

    fn reject(&mut self) -> Result<(), ApiError> {
        for name in &self.quirks.reject {
            match self.fields.get(name) {
                Some(value) if says_nothing(name, value) => {
                    self.fields.remove(name);
                }
                Some(_) => return Err(unsupported(name)),
                None => {}
            }
        }
        Ok(())
    }

    fn map_values(&mut self) {
        for (name, words) in &self.quirks.values {
            let said = self.fields.get(name).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
            match said.and_then(|word| words.get(&word)) {
                Some(Value::Null) => self.leave_out(name),
                Some(value) => {
                    let value = to_raw(value);
                    self.replace(name, value);
                }
                None => {}
            }
        }
    }

    /// Replaces fields by those that stand for them; what they said in detail is lost.
    fn stand_in(&mut self) {
        for (name, others) in &self.quirks.instead {
            if self.fields.get(name).is_none_or(|value| value.get() == "null") {
                continue;
            }
            self.leave_out(name);
            self.add_unless_there(others);
        }
    }

    fn map_effort(&mut self) {
        if self.quirks.effort.is_empty() {
            return;
        }
        let said = self.fields.get("reasoning_effort").and_then(|value| serde_json::from_str::<String>(value.get()).ok());
        let Some(word) = said else { return };
        match self.quirks.effort.get(&word) {
            Some(stand_in) => {
                self.fields.remove("reasoning_effort");
                self.add_unless_there(stand_in);
            }
            None => self.leave_out("reasoning_effort"),
        }
    }

    /// Emulates the choice of one tool by sending only that tool.
    fn choose_tool(&mut self) {
        let Some(how) = self.quirks.named_tool else { return };
        let choice = self.fields.get("tool_choice").and_then(|value| serde_json::from_str::<Value>(value.get()).ok());
        let name = choice.as_ref().and_then(|choice| choice.get("function")?.get("name")?.as_str());
        let tools = self.fields.get("tools").and_then(|tools| serde_json::from_str::<Vec<Box<RawValue>>>(tools.get()).ok());
        let (Some(name), Some(mut tools)) = (name, tools) else { return };
        tools.retain(|tool| {
            let tool = serde_json::from_str::<Value>(tool.get()).unwrap_or_default();
            tool.get("function").and_then(|function| function.get("name")).is_some_and(|own| own == name)
        });
        if tools.is_empty() {
            return;
        }
        self.replace("tools", to_raw(&tools));
        match how {
            NamedTool::OnlyToolRequired => self.replace("tool_choice", to_raw(&"required")),
            NamedTool::OnlyTool => {
                self.fields.remove("tool_choice");
            }
        }
    }

    fn fill_parameters(&mut self) {
        let lacks =
            |tool: &Map<String, Value>| tool.get("function").is_some_and(|function| function.get("parameters").is_none_or(Value::is_null));
        let Some(raw) = self.fields.get("tools").filter(|_| self.quirks.fill_parameters) else { return };
        let Ok(mut tools) = serde_json::from_str::<Vec<Map<String, Value>>>(raw.get()) else { return };
        if !tools.iter().any(lacks) {
            return;
        }
        for tool in tools.iter_mut().filter(|tool| lacks(tool)) {
            if let Some(Value::Object(function)) = tool.get_mut("function") {
                function.insert("parameters".into(), json!({"type": "object", "properties": {}}));
            }
        }
        self.replace("tools", to_raw(&tools));
    }

    fn edit_messages(&mut self, instruction: Option<String>) {
        let Some(raw) = self.fields.get("messages") else { return };
        let form = self.quirks.tool_call_id;
        let mapped = || form.is_some_and(|form| edit_messages::has_foreign_id(raw.get().as_bytes(), form));
        if instruction.is_none() && self.quirks.messages.is_empty() && !mapped() {
            return;
        }
        let Ok(mut messages) = serde_json::from_str::<Vec<Map<String, Value>>>(raw.get()) else { return };
        if let Some(instruction) = instruction {
            edit_messages::instruct(&mut messages, &instruction);
        }
        edit_messages::edit(&mut messages, &self.quirks.messages, self.dropped);
        if let Some(form) = form {
            edit_messages::map_ids(&mut messages, form);
        }
        self.replace("messages", to_raw(&messages));
    }

    fn rename(&mut self) {
        for (name, other) in &self.quirks.rename {
            // `max_completion_tokens` is the younger field and wins over `max_tokens`, whichever way they are renamed.
            if name == "max_tokens" && self.fields.contains(other) {
                self.fields.remove(name);
            } else if let Some(value) = self.fields.remove(name) {
                self.add(other, value.into_owned());
            }
        }
    }

    fn cap(&mut self) {
        for (name, most) in &self.quirks.caps {
            let said = self.fields.get(name).and_then(|value| value.get().parse::<f64>().ok());
            if said.zip(most.as_f64()).is_some_and(|(said, most)| said > most) {
                let most = to_raw(most);
                self.replace(name, most);
                self.dropped.add(name.clone());
            }
        }
    }

    /// Replaces the value of a field that is there.
    pub(super) fn replace(&mut self, name: &str, value: Box<RawValue>) {
        self.fields.replace(name, value);
    }

    /// A client that speaks the vendor's own words means them.
    fn add_unless_there(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            if !self.fields.contains(name) {
                self.add(name, to_raw(value));
            }
        }
    }

    /// Sets a field that may not be there yet.
    pub(super) fn add(&mut self, name: &str, value: Box<RawValue>) {
        self.fields.set_owned(name.to_owned(), value);
    }
}

/// A 400 for a field that the vendor cannot do justice to.
fn unsupported(name: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", name, format!("`{name}` is not supported by the vendor of this model"))
}

/// Whether a field's value is what a vendor does without it anyway.
fn says_nothing(name: &str, value: &RawValue) -> bool {
    match (name, value.get()) {
        (_, "null" | "[]" | "{}") => true,
        ("n", value) => value == "1",
        ("logprobs" | "store", value) => value == "false",
        ("top_logprobs" | "frequency_penalty" | "presence_penalty", value) => {
            value.parse().is_ok_and(|number: f64| number.abs() < f64::EPSILON)
        }
        ("parallel_tool_calls", value) => value == "true",
        ("service_tier" | "tool_choice", value) => value == "\"auto\"",
        ("modalities", value) => value == "[\"text\"]",
        // Asked for by the sidecar itself, or about padding: the client loses nothing.
        ("stream_options", _) => true,
        _ => false,
    }
}

//! A request's fields on their way into the hub: each is taken out where it is read, and what is left is the sender's own.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shape;
use crate::base::raw::RawObject;
use crate::chat::{ApiError, Message, PartKind, Role};

/// The longest model name, in bytes.
const MODEL_MAX: usize = 512;

/// Refuses a tool call that the assistant did not make: no vendor takes one, and its result would follow nothing. `at` is where the
/// messages are.
pub(super) fn check_callers(messages: &[Message], at: &str) -> Result<(), ApiError> {
    let calls = |message: &Message| message.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    if messages.iter().any(|message| message.role != Role::Assistant && calls(message)) {
        let message = format!("a tool call in `{at}` stands in a turn that is not the assistant's");
        return Err(ApiError::invalid("invalid_value", at, message));
    }
    Ok(())
}

/// The fields that are yet to be read; `at` is where they are, for errors.
pub(super) struct Fields<'a> {
    object: RawObject<'a>,
    at: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields of a request's body.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, ApiError> {
        let object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        Ok(Self { object, at: "" })
    }

    /// The fields of a request's body, every value of which is valid JSON.
    pub(super) fn of_checked_body(body: &'a [u8]) -> Result<Self, ApiError> {
        let text = shape::utf8(body)?;
        serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
        if text.trim_start().as_bytes().first() != Some(&b'{') {
            return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
        }
        Self::of_body(body)
    }

    /// The fields of an object inside it.
    pub(super) fn of(raw: &'a RawValue, at: &'static str) -> Result<Self, ApiError> {
        let object = RawObject::parse(raw.get().as_bytes()).map_err(|_| wrong_type(at))?;
        Ok(Self { object, at })
    }

    /// Takes a field out as it is, under the first of its spellings that is there; null is as good as none.
    pub(super) fn raw(&mut self, names: &[&str]) -> Option<Box<RawValue>> {
        let found = names.iter().find_map(|name| self.object.remove(name))?;
        (found.get() != "null").then(|| found.into_owned())
    }

    /// Takes a field out and reads it.
    pub(super) fn take<T: DeserializeOwned>(&mut self, names: &[&str]) -> Result<Option<T>, ApiError> {
        match self.raw(names) {
            Some(raw) => serde_json::from_str(raw.get()).map(Some).map_err(|_| self.wrong_type(names)),
            None => Ok(None),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains(name)
    }

    /// What was not taken, as it is.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.object.iter()
    }

    /// Takes the model's name.
    pub(super) fn model(&mut self) -> Result<String, ApiError> {
        let model: String = self.take(&["model"])?.ok_or_else(|| missing("model"))?;
        if model.is_empty() || model.len() > MODEL_MAX || model.chars().any(char::is_control) {
            return Err(ApiError::invalid("invalid_value", "model", "`model` is empty, too long or holds control characters"));
        }
        Ok(model)
    }

    /// Takes out a list that has to be there and hold objects only.
    pub(super) fn check_objects(&mut self, name: &str) -> Result<(), ApiError> {
        let list = self.raw(&[name]).ok_or_else(|| missing(name))?;
        let items: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| wrong_type(name))?;
        match items.iter().position(|item| !item.get().starts_with('{')) {
            Some(at) => Err(wrong_type(&format!("{name}[{at}]"))),
            None => Ok(()),
        }
    }

    pub(super) fn wrong_type(&self, names: &[&str]) -> ApiError {
        let name = names.first().copied().unwrap_or_default();
        if self.at.is_empty() { wrong_type(name) } else { wrong_type(&format!("{}.{name}", self.at)) }
    }

    /// The names of what was not taken.
    pub(super) fn names(&self) -> Vec<String> {
        self.object.iter().map(|(key, _)| key.to_owned()).collect()
    }

    /// What was not taken.
    pub(super) fn rest(&self) -> Result<Map<String, Value>, ApiError> {
        let read = |(key, value): (&str, &RawValue)| Ok((key.to_owned(), serde_json::from_str(value.get()).map_err(|_| wrong_type(key))?));
        self.object.iter().map(read).collect()
    }
}

/// The 400 for a value of the wrong type, which is not quoted.
pub(super) fn wrong_type(param: &str) -> ApiError {
    ApiError::invalid("invalid_type", param, format!("`{param}` is not of the type it has to be"))
}

/// The 400 for a field that has to be there.
pub(super) fn missing(param: &str) -> ApiError {
    ApiError::invalid("missing_required_parameter", param, format!("the field `{param}` is required"))
}

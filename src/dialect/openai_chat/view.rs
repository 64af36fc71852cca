//! The outer shape of a client's request: what routing and policy need to know, and what no vendor has to be asked about.
//! No tree is built: values stay text, and only the few that are looked at are read.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scan;
use crate::base::json;
use crate::base::raw::RawObject;
use crate::chat::ApiError;
use crate::dialect::View;

/// The longest model name, in bytes.
const MODEL_LIMIT: usize = 512;
/// The most answers one request may ask for, as at OpenAI; it also bounds what a request can reserve.
const MOST_CHOICES: u64 = 128;
/// Settings of client libraries that must never come in a body: they would choose where a request goes and with which key.
const FORBIDDEN: [&str; 4] = ["api_base", "base_url", "api_key", "extra_headers"];
const NUMBERS: [&str; 4] = ["temperature", "top_p", "frequency_penalty", "presence_penalty"];
const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// Checks a chat request.
pub fn chat(body: &[u8]) -> Result<View, ApiError> {
    let fields = parse(body)?;
    let view = view(&fields)?;
    for name in NUMBERS {
        if fields.get(name).is_some_and(|value| !matches!(kind(value), Kind::Number | Kind::Null)) {
            return Err(ApiError::invalid("invalid_type", name, format!("`{name}` has to be a number")));
        }
    }
    if count(&fields, "n")?.is_some_and(|n| !(1..=MOST_CHOICES).contains(&n)) {
        return Err(ApiError::invalid("invalid_value", "n", format!("`n` has to be between 1 and {MOST_CHOICES}")));
    }
    check_messages(fields.get("messages"))?;
    Ok(view)
}

/// What there is to know of a request to another endpoint of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericView {
    /// Not every endpoint takes one.
    pub model: Option<String>,
    pub stream: bool,
}

/// Checks a request to another endpoint of the API (completions, embeddings, moderations, images, speech, rerank).
pub fn generic(body: &[u8]) -> Result<GenericView, ApiError> {
    let fields = parse(body)?;
    let named = fields.get("model").filter(|value| kind(value) != Kind::Null);
    Ok(GenericView { model: named.map(|value| model(Some(value))).transpose()?, stream: stream(&fields)? })
}

/// The fields of a request. Every error is the client's: not JSON, no object, a field that is repeated or must not be there.
pub fn parse(body: &[u8]) -> Result<RawObject<'_>, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| invalid_json("invalid UTF-8", error.valid_up_to()))?;
    let fields = RawObject::parse(body).map_err(|error| unreadable(text, &error))?;
    if let Some(flaw) = scan::flaw(body) {
        return Err(invalid_json(flaw.what, flaw.at));
    }
    match FORBIDDEN.into_iter().find(|name| fields.contains(name)) {
        Some(name) => Err(ApiError::invalid("unknown_parameter", name, format!("`{name}` is not a request parameter"))),
        None => Ok(fields),
    }
}

/// Says what is wrong with a body without a word of its content but for the name of a repeated field.
fn unreadable(text: &str, error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        let message = error.to_string();
        let name = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        return match name {
            Some(name) => ApiError::invalid("duplicate_field", name, format!("`{name}` is given more than once")),
            None => ApiError::invalid("invalid_type", "model", "the request body has to be a JSON object"),
        };
    }
    if error.is_eof() {
        return invalid_json("unexpected end", text.len());
    }
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    invalid_json("unexpected character", (line_start + error.column().saturating_sub(1)).min(text.len()))
}

fn invalid_json(what: &str, at: usize) -> ApiError {
    ApiError::invalid_json(format!("the request body is not valid JSON: {what} at byte {at}"))
}

fn view(fields: &RawObject<'_>) -> Result<View, ApiError> {
    let stream = stream(fields)?;
    let limits = [count(fields, "max_completion_tokens")?, count(fields, "max_tokens")?];
    Ok(View {
        model: model(fields.get("model"))?,
        stream,
        include_usage: stream && fields.get("stream_options").is_some_and(includes_usage),
        max_tokens: limits.into_iter().flatten().next(),
    })
}

fn stream(fields: &RawObject<'_>) -> Result<bool, ApiError> {
    match fields.get("stream").map(RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid("invalid_type", "stream", "`stream` has to be a boolean")),
    }
}

fn model(value: Option<&RawValue>) -> Result<String, ApiError> {
    let Some(value) = value.filter(|value| kind(value) != Kind::Null) else {
        return Err(ApiError::invalid("missing_required_parameter", "model", "`model` is missing"));
    };
    let Ok(model) = serde_json::from_str::<String>(value.get()) else {
        return Err(ApiError::invalid("invalid_type", "model", "`model` has to be a string"));
    };
    let wrong = if model.is_empty() {
        "`model` is empty".to_owned()
    } else if model.len() > MODEL_LIMIT {
        format!("`model` is longer than {MODEL_LIMIT} bytes")
    } else if model.chars().any(char::is_control) {
        "`model` holds a control character".to_owned()
    } else {
        return Ok(model);
    };
    Err(ApiError::invalid("invalid_value", "model", wrong))
}

/// A field that counts something.
fn count(fields: &RawObject<'_>, name: &'static str) -> Result<Option<u64>, ApiError> {
    let Some(value) = fields.get(name).filter(|value| kind(value) != Kind::Null) else { return Ok(None) };
    if let Ok(count) = value.get().parse::<u64>() {
        return Ok(Some(count));
    }
    Err(match value.get().parse::<f64>() {
        Ok(number) if number < 0.0 => ApiError::invalid("invalid_value", name, format!("`{name}` must not be negative")),
        _ => ApiError::invalid("invalid_type", name, format!("`{name}` has to be an integer")),
    })
}

/// Whether `stream_options` ask for the usage.
pub fn includes_usage(options: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Options {
        include_usage: Option<bool>,
    }
    serde_json::from_str::<Options>(options.get()).is_ok_and(|options| options.include_usage == Some(true))
}

fn check_messages(messages: Option<&RawValue>) -> Result<(), ApiError> {
    let wrong = match messages {
        None => "`messages` is missing",
        Some(list) if kind(list) != Kind::List => "`messages` has to be a list",
        Some(list) if has_known_roles(list.get().as_bytes()) => return Ok(()),
        Some(list) => match serde_json::from_str::<Roles>(list.get()) {
            Ok(Roles { count: 0, .. }) => "`messages` is empty",
            Ok(Roles { bad: Some(at), .. }) => {
                let message = format!("`messages[{at}]` has to be an object whose `role` is one of {}", ROLES.join(", "));
                return Err(ApiError::invalid("invalid_value", format!("messages[{at}].role"), message));
            }
            _ => return Ok(()),
        },
    };
    Err(ApiError::invalid("invalid_value", "messages", wrong))
}

/// Told apart by a value's first byte.
#[derive(PartialEq)]
enum Kind {
    Null,
    Number,
    List,
    Other,
}

fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        Some(b'[') => Kind::List,
        _ => Kind::Other,
    }
}

/// How many messages there are, and the first one whose role nobody knows.
struct Roles {
    count: usize,
    bad: Option<usize>,
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Roles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Roles, A::Error> {
                let mut roles = Roles { count: 0, bad: None };
                while let Some(message) = list.next_element::<&RawValue>()? {
                    if !has_known_role(message) {
                        roles.bad = roles.bad.or(Some(roles.count));
                    }
                    roles.count += 1;
                }
                Ok(roles)
            }
        }

        deserializer.deserialize_seq(List)
    }
}

/// Whether there are messages and each is an object with one role that is known. `false` may also mean: not without a closer look.
fn has_known_roles(list: &[u8]) -> bool {
    let known = |role: &[u8]| {
        let role = role.strip_prefix(b"\"").and_then(|role| role.strip_suffix(b"\""));
        role.is_some_and(|role| ROLES.iter().any(|known| known.as_bytes() == role))
    };
    let good = |place: Range<usize>| {
        let message = list.get(place).unwrap_or_default();
        let (mut roles, mut plain) = (0, true);
        for (key, value) in json::members(message) {
            plain &= !key.contains(&b'\\');
            if key == b"role" {
                roles += 1;
                plain &= known(message.get(value).unwrap_or_default());
            }
        }
        roles == 1 && plain
    };
    let mut messages = json::items(list).peekable();
    messages.peek().is_some() && messages.all(good)
}

fn has_known_role(message: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        role: &'a RawValue,
    }
    let text = message.get();
    // The role comes first as good as always; a struct would also take a list for its fields.
    let role = text.starts_with('{').then(|| serde_json::from_str::<Message<'_>>(text).ok()).flatten();
    role.and_then(|message| serde_json::from_str::<String>(message.role.get()).ok()).is_some_and(|role| ROLES.contains(&role.as_str()))
}

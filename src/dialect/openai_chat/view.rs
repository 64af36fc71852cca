//! The outer shape of a client's request: what routing and policy need to know, and what no vendor has to be asked about.
//! No tree is built: values stay text, and only the few that are looked at are read.

use std::borrow::Cow;

use serde::Deserialize;

use crate::base::json::{Flaw, Places};
use crate::chat::ApiError;
use crate::dialect::{Layout, View};

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
    let (text, places) = read(body, 3)?;
    let fields = Fields::new(text, &places)?;
    let view = view(&fields)?;
    check_choices(&fields, "n")?;
    let answers_calls = check_messages(&fields)?;
    let fields = places.outermost().map(|(_, key, value)| (key, value)).collect();
    Ok(View { layout: Layout { fields, answers_calls }, ..view })
}

/// What there is to know of a request to another endpoint of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericView {
    /// Not every endpoint takes one.
    pub model: Option<String>,
    pub stream: bool,
}

/// Checks a request to another endpoint of the API (embeddings, moderations, images, speech, rerank).
pub fn generic(body: &[u8]) -> Result<GenericView, ApiError> {
    let (text, places) = read(body, 1)?;
    let fields = Fields::new(text, &places)?;
    let named = fields.get("model").filter(|value| kind(value) != Kind::Null);
    Ok(GenericView { model: named.map(|value| model(Some(value))).transpose()?, stream: stream(&fields)? })
}

/// Surveys a body down to `depth`, or says why it is not JSON.
pub fn read(body: &[u8], depth: u32) -> Result<(&str, Places), ApiError> {
    Places::read(body, depth)
        .map_err(|Flaw { what, at }| ApiError::invalid_json(format!("the request body is not valid JSON: {what} at byte {at}")))
}

/// The fields of a request, whose values stay text.
pub struct Fields<'b> {
    body: &'b str,
    places: &'b Places,
    /// Names, values, and the values' indices in `places`.
    list: Vec<(Cow<'b, str>, &'b str, usize)>,
}

impl<'b> Fields<'b> {
    /// Every error is the client's: no object, a field that is repeated or must not be there.
    pub fn new(text: &'b str, places: &'b Places) -> Result<Self, ApiError> {
        if !text.trim_start().starts_with('{') {
            return Err(ApiError::invalid("invalid_type", "model", "the request body has to be a JSON object"));
        }
        let mut fields = Self { body: text, places, list: Vec::with_capacity(16) };
        for (index, key, value) in places.outermost() {
            let name = name(text.get(key).unwrap_or_default());
            if fields.get(&name).is_some() {
                return Err(ApiError::invalid("duplicate_field", name.clone().into_owned(), format!("`{name}` is given more than once")));
            }
            if FORBIDDEN.contains(&&*name) {
                let message = format!("`{name}` is not a request parameter");
                return Err(ApiError::invalid("unknown_parameter", name.into_owned(), message));
            }
            fields.list.push((name, text.get(value).unwrap_or_default(), index));
        }
        Ok(fields)
    }

    fn find(&self, name: &str) -> Option<&(Cow<'b, str>, &'b str, usize)> {
        self.list.iter().find(|(own, ..)| own == name)
    }

    /// A field's value as it is written.
    pub fn get(&self, name: &str) -> Option<&'b str> {
        self.find(name).map(|(_, value, _)| *value)
    }
}

/// A name as it is written without its quotes, read.
fn name(written: &str) -> Cow<'_, str> {
    let escaped = || serde_json::from_str(&format!("\"{written}\"")).unwrap_or_default();
    if written.contains('\\') { Cow::Owned(escaped()) } else { Cow::Borrowed(written) }
}

/// What routing needs to know of a request for an answer, by the fields that chat and text completions share.
pub fn view(fields: &Fields<'_>) -> Result<View, ApiError> {
    for name in NUMBERS {
        if fields.get(name).is_some_and(|value| !matches!(kind(value), Kind::Number | Kind::Null)) {
            return Err(ApiError::invalid("invalid_type", name, format!("`{name}` has to be a number")));
        }
    }
    let stream = stream(fields)?;
    let limits = [count(fields, "max_completion_tokens")?, count(fields, "max_tokens")?];
    Ok(View {
        model: model(fields.get("model"))?,
        stream,
        include_usage: stream && fields.get("stream_options").is_some_and(includes_usage),
        max_tokens: limits.into_iter().flatten().next(),
        ..View::default()
    })
}

/// Checks a field that says how many answers are wanted.
pub fn check_choices(fields: &Fields<'_>, name: &'static str) -> Result<(), ApiError> {
    if count(fields, name)?.is_some_and(|n| !(1..=MOST_CHOICES).contains(&n)) {
        return Err(ApiError::invalid("invalid_value", name, format!("`{name}` has to be between 1 and {MOST_CHOICES}")));
    }
    Ok(())
}

fn stream(fields: &Fields<'_>) -> Result<bool, ApiError> {
    match fields.get("stream") {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid("invalid_type", "stream", "`stream` has to be a boolean")),
    }
}

fn model(value: Option<&str>) -> Result<String, ApiError> {
    let Some(value) = value.filter(|value| kind(value) != Kind::Null) else {
        return Err(ApiError::invalid("missing_required_parameter", "model", "`model` is missing"));
    };
    let Ok(model) = serde_json::from_str::<String>(value) else {
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
fn count(fields: &Fields<'_>, name: &'static str) -> Result<Option<u64>, ApiError> {
    let Some(value) = fields.get(name).filter(|value| kind(value) != Kind::Null) else { return Ok(None) };
    if let Ok(count) = value.parse::<u64>() {
        return Ok(Some(count));
    }
    Err(match value.parse::<f64>() {
        Ok(number) if number < 0.0 => ApiError::invalid("invalid_value", name, format!("`{name}` must not be negative")),
        _ => ApiError::invalid("invalid_type", name, format!("`{name}` has to be an integer")),
    })
}

/// Whether `stream_options` ask for the usage.
pub fn includes_usage(options: &str) -> bool {
    #[derive(Deserialize)]
    struct Options {
        include_usage: Option<bool>,
    }
    serde_json::from_str::<Options>(options).is_ok_and(|options| options.include_usage == Some(true))
}

/// Checks the messages; whether one may answer a call.
fn check_messages(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let wrong = match fields.find("messages") {
        None => "`messages` is missing",
        Some((_, value, _)) if kind(value) != Kind::List => "`messages` has to be a list",
        Some((_, _, list)) => {
            let mut answers_calls = None;
            for (at, (message, ..)) in fields.places.within(*list).enumerate() {
                let Some(answers_call) = check_message(fields, message) else {
                    let message = format!("`messages[{at}]` has to be an object whose `role` is one of {}", ROLES.join(", "));
                    return Err(ApiError::invalid("invalid_value", format!("messages[{at}].role"), message));
                };
                *answers_calls.get_or_insert(false) |= answers_call;
            }
            match answers_calls {
                Some(answers_calls) => return Ok(answers_calls),
                None => "`messages` is empty",
            }
        }
    };
    Err(ApiError::invalid("invalid_value", "messages", wrong))
}

/// Whether a message may answer a call, `None` if it is no object with one role that is known.
fn check_message(fields: &Fields<'_>, message: usize) -> Option<bool> {
    let text = |place| fields.body.get(place).unwrap_or_default();
    let (mut role, mut answers_call) = (None, false);
    for (_, key, value) in fields.places.within(message) {
        let key = text(key);
        match key {
            "content" => {}
            "tool_call_id" => answers_call = true,
            _ if key == "role" || name(key) == "role" => {
                if role.replace(text(value)).is_some() {
                    return None;
                }
            }
            // A name that is spelt with escapes could be any.
            _ => answers_call |= key.contains('\\'),
        }
    }
    let role = role?.strip_prefix('"')?.strip_suffix('"')?;
    ROLES.contains(&&*name(role)).then_some(answers_call)
}

/// Told apart by a value's first byte.
#[derive(PartialEq)]
enum Kind {
    Null,
    Number,
    List,
    Other,
}

fn kind(value: &str) -> Kind {
    match value.as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        Some(b'[') => Kind::List,
        _ => Kind::Other,
    }
}

//! The outer shape of a request: enough for routing and policy, without building anything of it.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};

use super::outline::{Messages, Turn};
use crate::chat::ApiError;
use crate::dialect::View;
use crate::dialect::shape::{self, Checked, Field, Scalar, Shape};

/// The longest model name that is looked at, in bytes.
const MODEL_MAX: usize = 256;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let found = find(body)?;
    let max_tokens = positive(found.max_tokens.as_ref(), "max_tokens")?;
    for (value, name) in [(&found.temperature, "temperature"), (&found.top_p, "top_p")] {
        if !matches!(value, None | Some(Field::Null | Field::Uint(_) | Field::Number)) {
            return Err(wrong_type(name, "a number"));
        }
    }
    let view =
        View { model: found.model()?, stream: found.stream()?, include_usage: true, max_tokens: Some(max_tokens), ..View::default() };
    found.check_messages()?;
    Ok(view)
}

/// The same for a request to count tokens, which has no `max_tokens`.
pub fn count_tokens_view(body: &[u8]) -> Result<View, ApiError> {
    let found = find(body)?;
    let view = View { model: found.model()?, stream: false, include_usage: false, max_tokens: None, ..View::default() };
    found.check_messages()?;
    Ok(view)
}

fn find(body: &[u8]) -> Result<Found, ApiError> {
    let text = shape::utf8(body)?;
    let top: Top = serde_json::from_str(text).map_err(|error| shape::json_error(body, &error))?;
    let Top::Object(found) = top else {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    };
    match found.twice {
        Some(name) => Err(ApiError::invalid("duplicate_field", name, format!("the field `{name}` is there twice"))),
        None => Ok(*found),
    }
}

fn missing(name: &str) -> ApiError {
    ApiError::invalid("missing_required_parameter", name, format!("the field `{name}` is required"))
}

fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::invalid("invalid_type", name, format!("`{name}` has to be {wanted}"))
}

fn positive(value: Option<&Field>, name: &str) -> Result<u64, ApiError> {
    match value {
        None | Some(Field::Null) => Err(missing(name)),
        Some(Field::Uint(0) | Field::Number) => {
            Err(ApiError::invalid("invalid_value", name, format!("`{name}` has to be a whole number above 0")))
        }
        Some(Field::Uint(value)) => Ok(*value),
        Some(_) => Err(wrong_type(name, "a whole number")),
    }
}

/// What is found of a request.
#[derive(Default)]
struct Found {
    model: Option<Field>,
    stream: Option<Field>,
    max_tokens: Option<Field>,
    temperature: Option<Field>,
    top_p: Option<Field>,
    messages: Option<Messages>,
    /// A field that may be there only once but is there again.
    twice: Option<&'static str>,
}

impl Found {
    fn model(&self) -> Result<String, ApiError> {
        let model = match &self.model {
            None | Some(Field::Null) => return Err(missing("model")),
            Some(Field::Text(model)) => model,
            Some(_) => return Err(wrong_type("model", "a string")),
        };
        if model.is_empty() || model.len() > MODEL_MAX || model.chars().any(char::is_control) {
            return Err(ApiError::invalid("invalid_value", "model", "`model` is empty, too long or holds control characters"));
        }
        Ok(model.clone())
    }

    fn stream(&self) -> Result<bool, ApiError> {
        match self.stream {
            None | Some(Field::Null) => Ok(false),
            Some(Field::Bool(stream)) => Ok(stream),
            Some(_) => Err(wrong_type("stream", "true or false")),
        }
    }

    fn check_messages(&self) -> Result<(), ApiError> {
        match &self.messages {
            None | Some(Messages::Null) => Err(missing("messages")),
            Some(Messages::NotArray) => Err(wrong_type("messages", "an array")),
            Some(Messages::Empty) => Err(ApiError::invalid("invalid_value", "messages", "`messages` has to hold at least one message")),
            Some(Messages::Bad(at, Turn::NotObject)) => Err(wrong_type(&format!("messages[{at}]"), "an object")),
            Some(Messages::Bad(at, _)) => {
                let param = format!("messages[{at}].role");
                let message = format!("`{param}` has to be \"user\", \"assistant\" or \"system\"");
                Err(ApiError::invalid("invalid_value", param, message))
            }
            Some(Messages::Good) => Ok(()),
        }
    }
}

enum Top {
    Object(Box<Found>),
    Other,
}

impl Shape for Top {
    fn scalar(_: Scalar<'_>) -> Self {
        Self::Other
    }
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Checked::array(items).map(|_| Self::Other)
    }
    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
        fn take<'de, T: Deserialize<'de>, A: MapAccess<'de>>(slot: &mut Option<T>, fields: &mut A) -> Result<bool, A::Error> {
            Ok(slot.replace(fields.next_value()?).is_some())
        }
        let mut found = Found::default();
        while let Some(key) = fields.next_key::<Key>()? {
            let (name, twice) = match key {
                Key::Model => ("model", take(&mut found.model, &mut fields)?),
                Key::Stream => ("stream", take(&mut found.stream, &mut fields)?),
                Key::MaxTokens => ("max_tokens", take(&mut found.max_tokens, &mut fields)?),
                Key::Temperature => ("temperature", take(&mut found.temperature, &mut fields)?),
                Key::TopP => ("top_p", take(&mut found.top_p, &mut fields)?),
                Key::Messages => ("messages", take(&mut found.messages, &mut fields)?),
                Key::Other => {
                    fields.next_value::<Checked>()?;
                    continue;
                }
            };
            if twice {
                found.twice = found.twice.or(Some(name));
            }
        }
        Ok(Self::Object(Box::new(found)))
    }
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Model,
    Stream,
    MaxTokens,
    Temperature,
    TopP,
    Messages,
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"stream":true,"x":[{}]}"#;

    fn error(body: &str) -> (String, Option<String>) {
        let error = view(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, 400, "{body}");
        (error.code.unwrap().into_owned(), error.param)
    }

    #[test]
    fn finds_what_routing_needs() {
        let expected = View { model: "m".into(), stream: true, include_usage: true, max_tokens: Some(5), ..View::default() };
        assert_eq!(view(GOOD.as_bytes()).unwrap(), expected);
        let count = count_tokens_view(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!(count.max_tokens, None);
    }

    #[test]
    fn every_bad_shape_is_named() {
        let long = format!("\"{}\"", "m".repeat(10_240));
        let cases = [
            (GOOD.replace(r#""model":"m","#, ""), "missing_required_parameter", "model"),
            (GOOD.replace(r#""m""#, "5"), "invalid_type", "model"),
            (GOOD.replace(r#""m""#, "\"\""), "invalid_value", "model"),
            (GOOD.replace(r#""m""#, &long), "invalid_value", "model"),
            (GOOD.replace(r#""m""#, r#""a\u0007b""#), "invalid_value", "model"),
            (GOOD.replace("true", "\"yes\""), "invalid_type", "stream"),
            (GOOD.replace(r#""max_tokens":5,"#, ""), "missing_required_parameter", "max_tokens"),
            (GOOD.replace(":5", ":-1"), "invalid_value", "max_tokens"),
            (GOOD.replace(":5", ":0"), "invalid_value", "max_tokens"),
            (GOOD.replace(":5", ":\"5\""), "invalid_type", "max_tokens"),
            (GOOD.replace(r#""x":[{}]"#, r#""temperature":"hot""#), "invalid_type", "temperature"),
            (GOOD.replace(r#"[{"role":"user","content":"hi"}]"#, "[]"), "invalid_value", "messages"),
            (GOOD.replace(r#"[{"role":"user","content":"hi"}]"#, "{}"), "invalid_type", "messages"),
            (GOOD.replace(r#"[{"role":"user","content":"hi"}]"#, "[1]"), "invalid_type", "messages[0]"),
            (GOOD.replace("user", "root"), "invalid_value", "messages[0].role"),
            (GOOD.replace(r#""x":"#, r#""model":"#), "duplicate_field", "model"),
            (GOOD.replace(r#""x":[{}]"#, r#""mod\u0065l":"n""#), "duplicate_field", "model"),
            (GOOD.replace(r#""x":"#, r#""messages":"#), "duplicate_field", "messages"),
        ];
        for (body, code, param) in cases {
            assert_eq!(error(&body), (code.to_owned(), Some(param.to_owned())), "{}", body.get(..90).unwrap_or(&body));
        }
    }

    #[test]
    fn broken_json_is_refused_with_its_offset_and_without_an_echo() {
        for body in ["", "{", "GARBAGE", &format!("{GOOD}x"), &GOOD.replace("hi", r"\ud800"), &GOOD.replace("[{}]", "1e999")] {
            assert_eq!(error(body).0, "invalid_json", "{body}");
            let message = view(body.as_bytes()).unwrap_err().message;
            assert!(message.contains("at byte") && !message.contains("GARBAGE"), "{message}");
        }
        assert_eq!(view(b"{\"model\":\"\xff\"}").unwrap_err().code.as_deref(), Some("invalid_json"));
        assert_eq!(error("[]").0, "invalid_type");
    }
}

//! The outer shape of a request. Its path names the model and says whether the answer streams.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::INFERENCE;
use crate::chat::ApiError;
use crate::dialect::fields::{self, Fields};
use crate::dialect::{View, shape};

/// Checks a request to converse. Its messages may be those of a prompt that the vendor keeps.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let mut fields = checked(body)?;
    if let Some(messages) = fields.raw(&["messages"]) {
        check_messages(&messages, "messages")?;
    }
    let max_tokens = match fields.raw(&[INFERENCE]) {
        None => None,
        Some(config) => Fields::of(&config, INFERENCE)?.take(&["maxTokens"])?,
    };
    Ok(View { model: String::new(), stream: false, include_usage: true, max_tokens, ..View::default() })
}

/// The same for a request to count tokens, which holds a request to converse, or one in a model's own format.
pub(super) fn count_view(body: &[u8]) -> Result<View, ApiError> {
    let input = checked(body)?.raw(&["input"]).ok_or_else(|| fields::missing("input"))?;
    let mut input = Fields::of(&input, "input")?;
    match input.raw(&["converse"]) {
        Some(converse) => {
            if let Some(messages) = Fields::of(&converse, "input.converse")?.raw(&["messages"]) {
                check_messages(&messages, "input.converse.messages")?;
            }
        }
        None => {
            input.raw(&["invokeModel"]).ok_or_else(|| fields::missing("input.converse"))?;
        }
    }
    Ok(View { model: String::new(), stream: false, include_usage: true, max_tokens: None, ..View::default() })
}

/// The body's fields, every value of which is valid JSON.
fn checked(body: &[u8]) -> Result<Fields<'_>, ApiError> {
    let text = shape::utf8(body)?;
    serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
    if text.trim_start().as_bytes().first() != Some(&b'{') {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    }
    Fields::of_body(body)
}

fn check_messages(messages: &RawValue, at: &'static str) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow)]
        role: std::borrow::Cow<'a, str>,
        #[serde(rename = "content")]
        _content: Vec<serde::de::IgnoredAny>,
    }
    let turns: Vec<&RawValue> = serde_json::from_str(messages.get()).map_err(|_| fields::wrong_type(at))?;
    if turns.is_empty() {
        return Err(ApiError::invalid("invalid_value", at, format!("`{at}` has to hold at least one turn")));
    }
    for (index, turn) in turns.into_iter().enumerate() {
        let turn = turn.get();
        let read = turn.starts_with('{').then(|| serde_json::from_str::<Turn<'_>>(turn).ok()).flatten();
        let turn = read.ok_or_else(|| fields::wrong_type(&format!("{at}[{index}]")))?;
        if !matches!(&*turn.role, "user" | "assistant" | "system") {
            let param = format!("{at}[{index}].role");
            let message = format!("`{param}` has to be \"user\" or \"assistant\"");
            return Err(ApiError::invalid("invalid_value", param, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_found_and_the_rest_is_checked() {
        let good = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":7}}"#;
        assert_eq!(
            view(good.as_bytes()).unwrap(),
            View { model: String::new(), stream: false, include_usage: true, max_tokens: Some(7), ..View::default() }
        );
        assert!(view(b"{\"promptVariables\":{}}").is_ok());
        for count in [format!(r#"{{"input":{{"converse":{good}}}}}"#), r#"{"input":{"invokeModel":{"body":"e30="}}}"#.to_owned()] {
            assert!(count_view(count.as_bytes()).is_ok(), "{count}");
        }
        for (body, code, param) in [
            ("[]", "invalid_type", Some("")),
            (r#"{"messages":[]}"#, "invalid_value", Some("messages")),
            (r#"{"messages":{}}"#, "invalid_type", Some("messages")),
            (r#"{"messages":["hi"]}"#, "invalid_type", Some("messages[0]")),
            (r#"{"messages":[{"role":"user","content":"hi"}]}"#, "invalid_type", Some("messages[0]")),
            (r#"{"messages":[{"role":"tool","content":[]}]}"#, "invalid_value", Some("messages[0].role")),
            (
                r#"{"messages":[{"role":"user","content":[]}],"inferenceConfig":{"maxTokens":-1}}"#,
                "invalid_type",
                Some("inferenceConfig.maxTokens"),
            ),
            (r#"{"messages":[{"role":"user","content":[{"text":"\ud800"}]}]}"#, "invalid_json", None),
        ] {
            let error = view(body.as_bytes()).unwrap_err();
            assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), param), "{body}");
        }
        assert_eq!(count_view(b"{\"input\":{}}").unwrap_err().param.as_deref(), Some("input.converse"));
    }
}

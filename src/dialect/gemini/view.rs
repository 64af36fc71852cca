//! The outer shape of a request. Its path names the model and says whether the answer streams.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::ApiError;
use crate::dialect::View;
use crate::dialect::fields::{self, Fields};

/// Checks a request to generate.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let mut fields = Fields::of_checked_body(body)?;
    check_contents(fields.raw(&["contents"]).as_deref(), "contents")?;
    let max_tokens = match fields.raw(&["generationConfig", "generation_config"]) {
        None => None,
        Some(config) => Fields::of(&config, "generationConfig")?.take(&["maxOutputTokens", "max_output_tokens"])?,
    };
    Ok(View { model: String::new(), stream: false, include_usage: true, max_tokens, ..View::default() })
}

/// The same for a request to count tokens, whose contents may be inside of a request to generate.
pub(super) fn count_view(body: &[u8]) -> Result<View, ApiError> {
    let mut fields = Fields::of_checked_body(body)?;
    match fields.raw(&["generateContentRequest", "generate_content_request"]) {
        Some(request) => {
            let mut inner = Fields::of(&request, "generateContentRequest")?;
            check_contents(inner.raw(&["contents"]).as_deref(), "generateContentRequest.contents")?;
        }
        None => check_contents(fields.raw(&["contents"]).as_deref(), "contents")?,
    }
    Ok(View { model: String::new(), stream: false, include_usage: true, max_tokens: None, ..View::default() })
}

fn check_contents(contents: Option<&RawValue>, at: &'static str) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow, default)]
        role: Option<std::borrow::Cow<'a, str>>,
    }
    let contents = contents.ok_or_else(|| fields::missing(at))?;
    let turns: Vec<&RawValue> = serde_json::from_str(contents.get()).map_err(|_| fields::wrong_type(at))?;
    if turns.is_empty() {
        return Err(ApiError::invalid("invalid_value", at, format!("`{at}` has to hold at least one turn")));
    }
    for (index, turn) in turns.into_iter().enumerate() {
        let turn = turn.get();
        let read = turn.starts_with('{').then(|| serde_json::from_str::<Turn<'_>>(turn).ok()).flatten();
        let turn = read.ok_or_else(|| fields::wrong_type(&format!("{at}[{index}]")))?;
        if !matches!(turn.role.as_deref(), None | Some("" | "user" | "model" | "function")) {
            let param = format!("{at}[{index}].role");
            let message = format!("`{param}` has to be \"user\" or \"model\"");
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
        let good = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]},{"parts":[]}],"generation_config":{"max_output_tokens":7}}"#;
        assert_eq!(
            view(good.as_bytes()).unwrap(),
            View { model: String::new(), stream: false, include_usage: true, max_tokens: Some(7), ..View::default() }
        );
        let count = format!(r#"{{"generateContentRequest":{good}}}"#);
        assert!(count_view(count.as_bytes()).is_ok() && count_view(good.as_bytes()).is_ok());
        for (body, code, param) in [
            ("{}", "missing_required_parameter", Some("contents")),
            (r#"{"contents":[]}"#, "invalid_value", Some("contents")),
            (r#"{"contents":"hi"}"#, "invalid_type", Some("contents")),
            (r#"{"contents":["hi"]}"#, "invalid_type", Some("contents[0]")),
            (r#"{"contents":[{"role":"assistant"}]}"#, "invalid_value", Some("contents[0].role")),
            (r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":"x"}}"#, "invalid_type", Some("generationConfig.maxOutputTokens")),
            (r#"{"contents":[{}],"contents":[{}]}"#, "duplicate_field", Some("contents")),
            (r#"{"contents":[{"parts":[1e999]}]}"#, "invalid_json", None),
            ("[]", "invalid_type", Some("")),
            ("{", "invalid_json", None),
        ] {
            let error = view(body.as_bytes()).unwrap_err();
            assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), param), "{body}");
        }
    }
}

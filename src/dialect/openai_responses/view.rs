//! The outer shape of a request.

use serde_json::value::RawValue;

use crate::chat::ApiError;
use crate::dialect::fields::{self, Fields};
use crate::dialect::{View, shape};

/// The longest model name, in bytes.
const MODEL_MAX: usize = 512;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let text = shape::utf8(body)?;
    serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
    if text.trim_start().as_bytes().first() != Some(&b'{') {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    }
    let mut fields = Fields::of_body(body)?;
    let model: String = fields.take(&["model"])?.ok_or_else(|| fields::missing("model"))?;
    if model.is_empty() || model.len() > MODEL_MAX || model.chars().any(char::is_control) {
        return Err(ApiError::invalid("invalid_value", "model", "`model` is empty, too long or holds control characters"));
    }
    let stream = fields.take::<bool>(&["stream"])?.unwrap_or(false);
    let max_tokens = fields.take(&["max_output_tokens"])?;
    for name in ["temperature", "top_p"] {
        fields.take::<f64>(&[name])?;
    }
    check_input(fields.raw(&["input"]).as_deref())?;
    Ok(View { model, stream, include_usage: true, max_tokens, ..View::default() })
}

fn check_input(input: Option<&RawValue>) -> Result<(), ApiError> {
    // A stored prompt or conversation may be all there is; a vendor that knows them judges that.
    let Some(input) = input else { return Ok(()) };
    match input.get().as_bytes().first() {
        Some(b'"') => return Ok(()),
        Some(b'[') => {}
        _ => return Err(fields::wrong_type("input")),
    }
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).map_err(|_| fields::wrong_type("input"))?;
    match items.iter().position(|item| !item.get().starts_with('{')) {
        Some(at) => Err(fields::wrong_type(&format!("input[{at}]"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_checked_and_routing_is_told() {
        let good = r#"{"model":"m","input":[{"role":"user","content":"hi"}],"stream":true,"max_output_tokens":9}"#;
        assert_eq!(
            view(good.as_bytes()).unwrap(),
            View { model: "m".into(), stream: true, include_usage: true, max_tokens: Some(9), ..View::default() }
        );
        for (body, code, param) in [
            (good.replace(r#""model":"m","#, ""), "missing_required_parameter", Some("model")),
            (good.replace(r#""m""#, "\"\""), "invalid_value", Some("model")),
            (good.replace("true", "1"), "invalid_type", Some("stream")),
            (good.replace(":9", ":-1"), "invalid_type", Some("max_output_tokens")),
            (good.replace(r#"[{"role":"user","content":"hi"}]"#, "5"), "invalid_type", Some("input")),
            (good.replace(r#"[{"role""#, r#"["x",{"role""#), "invalid_type", Some("input[0]")),
            (good.replace(r#""stream""#, r#""model""#), "duplicate_field", Some("model")),
            (good.replace("hi", r"\ud800"), "invalid_json", None),
            ("[]".to_owned(), "invalid_type", Some("")),
        ] {
            let error = view(body.as_bytes()).unwrap_err();
            assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), param), "{body}");
        }
    }
}

//! `/moderations`: nothing is ever flagged but the word `flagme`.

use serde_json::{Value, json};

use super::directives::Directives;
use super::fields::{first_text, object};
use super::router::{Answer, Call};
use super::text;
use crate::chat::ApiError;

const CATEGORIES: [&str; 6] = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"];

pub(super) fn answer(call: &Call, directives: &mut Directives) -> Result<Answer, ApiError> {
    let request = object(&call.body)?;
    let input = request.get("input").ok_or_else(|| ApiError::invalid("missing_required_parameter", "input", "input is missing"))?;
    directives.take_from(first_text(Some(input)).unwrap_or_default())?;
    let inputs = match input {
        Value::Array(list) => list.iter().map(Value::to_string).collect(),
        other => vec![other.to_string()],
    };
    let results = inputs.iter().map(|input| {
        let flagged = input.contains("flagme");
        let score = if flagged { 0.9 } else { 0.01 };
        let marks: Value = CATEGORIES.iter().map(|name| ((*name).to_owned(), json!(flagged))).collect();
        let scores: Value = CATEGORIES.iter().map(|name| ((*name).to_owned(), json!(score))).collect();
        json!({"flagged": flagged, "categories": marks, "category_scores": scores})
    });
    let id = text::id("modr-", text::hash(&call.body));
    Ok(Answer::json(&json!({"id": id, "model": request.get("model"), "results": results.collect::<Value>()})))
}

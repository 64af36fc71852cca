//! A page of a vendor's list of models, in any of the shapes that vendors have for it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// What a page says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub models: Vec<String>,
    /// What the query for the next page has to say; `None` on the last one.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    /// OpenAI, Anthropic, Mistral, OpenRouter and most others.
    data: Option<Vec<Model>>,
    /// Gemini, Cohere, Ollama, Writer.
    models: Option<Vec<Model>>,
    #[serde(rename = "publisherModels")]
    publisher_models: Option<Vec<Model>>,
    /// Anthropic.
    has_more: Option<bool>,
    last_id: Option<String>,
    /// Google.
    #[serde(rename = "nextPageToken")]
    next_page: Option<String>,
    /// Cohere.
    next_page_token: Option<String>,
}

/// Reads a page. `None` where it is no list of models.
pub(super) fn read(text: &[u8]) -> Option<Page> {
    // Together has a list and nothing around it.
    if text.trim_ascii_start().starts_with(b"[") {
        let models: Vec<Model> = serde_json::from_slice(text).ok()?;
        return Some(Page { models: names(models), next: None });
    }
    let list: List = serde_json::from_slice(text).ok()?;
    let next = next(&list);
    let models = list.data.or(list.models).or(list.publisher_models)?;
    Some(Page { models: names(models), next })
}

fn names(models: Vec<Model>) -> Vec<String> {
    models.into_iter().filter_map(|model| model.id.or(model.name)).map(bare).collect()
}

/// Google's names without their collection.
fn bare(name: String) -> String {
    if let Some(rest) = name.strip_prefix("models/") {
        return rest.to_owned();
    }
    match name.strip_prefix("publishers/").and_then(|rest| rest.split_once("/models/")) {
        Some((_, model)) => model.to_owned(),
        None => name,
    }
}

fn next(list: &List) -> Option<String> {
    let after = list.last_id.as_deref().filter(|_| list.has_more == Some(true)).map(|id| ("after_id", id));
    let google = list.next_page.as_deref().map(|token| ("pageToken", token));
    let cohere = list.next_page_token.as_deref().map(|token| ("page_token", token));
    let (name, value) = after.or(google).or(cohere).filter(|(_, value)| !value.is_empty())?;
    Some(format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shapes_vendors_use() {
        for (vendor, text) in [
            ("OpenAI", r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}"#),
            (
                "Anthropic",
                r#"{"data":[{"type":"model","id":"a","display_name":"A"},{"type":"model","id":"b"}],"has_more":false,"last_id":"b"}"#,
            ),
            ("Together", r#" [{"id":"a"},{"id":"b"}]"#),
            ("Gemini", r#"{"models":[{"name":"models/a","version":"1"},{"name":"models/b"}]}"#),
            ("Vertex AI", r#"{"publisherModels":[{"name":"publishers/google/models/a"},{"name":"publishers/google/models/b"}]}"#),
            ("Ollama", r#"{"models":[{"name":"a","model":"a","size":1},{"name":"b"}]}"#),
            ("Cohere", r#"{"models":[{"name":"a","endpoints":["chat"]},{"name":"b"}],"next_page_token":""}"#),
            ("Mistral", r#"{"object":"list","data":[{"id":"a","name":"x","capabilities":{}},{"id":"b"}]}"#),
            ("OpenRouter", r#"{"data":[{"id":"a","name":"Vendor: A","pricing":{}},{"id":"b","name":"B"}]}"#),
            ("Writer", r#"{"models":[{"id":"a","name":"Model A"},{"id":"b","name":"Model B"}]}"#),
            ("llama.cpp", r#"{"models":[{"name":"/m.gguf"}],"object":"list","data":[{"id":"a"},{"id":"b"},{"owned_by":"nobody"}]}"#),
        ] {
            assert_eq!(read(text.as_bytes()), Some(Page { models: vec!["a".into(), "b".into()], next: None }), "{vendor}");
        }
        for text in ["<html>", "{}", r#"{"error":{"message":"no"}}"#, "[1]", "null"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_next_page_is_asked_for_in_the_vendors_words() {
        for (text, next) in [
            (r#"{"data":[],"has_more":true,"last_id":"a b"}"#, "after_id=a%20b"),
            (r#"{"models":[],"nextPageToken":"x/y="}"#, "pageToken=x%2Fy%3D"),
            (r#"{"models":[],"next_page_token":"x"}"#, "page_token=x"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap().next.as_deref(), Some(next), "{text}");
        }
    }
}

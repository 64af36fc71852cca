//! Requests that only ask for the count of their tokens: those to generate without what only concerns the answer.

use bytes::Bytes;

use super::{edit, read_request, view, write_request};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Request};
use crate::dialect::{CountTokens, To, View, Written, shape, side};

/// What such a request may hold.
const COUNTED: [&str; 6] = ["model", "messages", "system", "tools", "tool_choice", "thinking"];

impl CountTokens for super::AnthropicMessages {
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::count_tokens_view(body)
    }

    fn count_path(&self, _model: &str) -> std::borrow::Cow<'static, str> {
        "/messages/count_tokens".into()
    }

    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        edit::edit_count(body, to)
    }

    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        // An answer would need it; none will come.
        object.set("max_tokens", to_raw(&1));
        let mut request = read_request::read_request(&object.write())?;
        request.sampling.max_tokens = None;
        Ok(request)
    }

    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
        let written = write_request::write_request(request, to)?.body;
        let mut object = RawObject::parse(&written).map_err(|_| ApiError::internal("the request cannot be read again"))?;
        let others: Vec<String> = object.iter().map(|(name, _)| name.to_owned()).filter(|name| !COUNTED.contains(&name.as_str())).collect();
        for name in others {
            object.remove(&name);
        }
        // The path of this endpoint never names the model.
        object.set("model", to_raw(&to.model));
        for (name, value) in to.quirks.request_for(to.model).flat_map(|quirks| &quirks.fields) {
            object.set(name, to_raw(value));
        }
        // The model, and what the vendor wants in every request.
        Ok(edit::edit_count(&object.write(), to)?.body)
    }

    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError> {
        side::count(body, "input_tokens")
    }

    fn write_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"input_tokens\":{tokens}}}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::AnthropicMessages;
    use super::*;
    use crate::chat::{DialectId, Message, Part, PartKind, Role};
    use crate::dialect::Quirks;

    #[test]
    fn only_what_counts_is_asked_about() {
        let mut request = Request::new(DialectId::Gemini, "");
        let part = Part::from(PartKind::Text("hi".into()));
        request.messages.push(Message { role: Role::User, parts: vec![part], name: None });
        request.sampling.max_tokens = Some(7);
        request.stop = vec!["x".into()];
        let mut quirks = Quirks::default();
        let written = |quirks: &Quirks| {
            let to = To { model: "claude-x", quirks, want_usage: false };
            serde_json::from_slice::<serde_json::Value>(&AnthropicMessages.write_count_request(&request, &to).unwrap()).unwrap()
        };
        let mut body = json!({"model": "claude-x", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
        assert_eq!(written(&quirks), body);
        quirks.request.model_in_path = true;
        quirks.request.fields.insert("anthropic_version".into(), json!("v1"));
        body["anthropic_version"] = json!("v1");
        assert_eq!(written(&quirks), body);
    }

    #[test]
    fn a_request_without_a_length_is_read() {
        let read = AnthropicMessages.read_count_request(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!((read.messages.len(), read.sampling.max_tokens), (1, None));
    }
}

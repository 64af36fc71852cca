//! Requests that only ask for the count of their tokens. A whole request to generate may be inside of one, and has to be where
//! more than the turns counts.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{edit, model_path, path, read_request, view, write_request};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Request};
use crate::dialect::{CountTokens, To, View, Written, shape, side};

impl CountTokens for super::Gemini {
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::count_view(body)
    }

    fn count_path(&self, model: &str) -> Cow<'static, str> {
        path(model, "countTokens")
    }

    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        let object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        match whole(&object).filter(|_| is_plain(to)) {
            Some(inner) => {
                let inner = RawObject::parse(inner.get().as_bytes()).map_err(|error| shape::json_error(body, &error))?;
                edit::edit_count(&counted(&inner), to)
            }
            None => edit::edit_count(body, to),
        }
    }

    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        read_request::read_request(whole(&object).map_or(body, |inner| inner.get().as_bytes()))
    }

    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
        let written = write_request::write_request(request, to)?.body;
        let mut inner = RawObject::parse(&written).map_err(|_| ApiError::internal("the request cannot be read again"))?;
        if is_plain(to) {
            return Ok(counted(&inner).into());
        }
        inner.set("model", to_raw(&model_path(to.model)));
        let inner: Box<RawValue> = to_raw(&inner);
        let mut object = RawObject::default();
        object.set("generateContentRequest", inner);
        Ok(object.write().into())
    }

    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError> {
        side::count(body, "totalTokens")
    }

    fn write_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"totalTokens\":{tokens}}}").into_bytes()
    }
}

/// The request to generate inside of one to count.
fn whole<'a>(object: &'a RawObject<'_>) -> Option<&'a RawValue> {
    ["generateContentRequest", "generate_content_request"].into_iter().find_map(|name| object.get(name))
}

fn is_plain(to: &To<'_>) -> bool {
    to.quirks.request_for(to.model).any(|quirks| quirks.plain_count)
}

/// What counts of a request to generate.
fn counted(request: &RawObject<'_>) -> Vec<u8> {
    const COUNTED: [&str; 6] = ["contents", "systemInstruction", "system_instruction", "tools", "generationConfig", "generation_config"];
    let mut counted = RawObject::default();
    for name in COUNTED {
        if let Some(value) = request.get(name) {
            counted.set(name, value.to_owned());
        }
    }
    counted.write()
}

#[cfg(test)]
mod tests {
    use super::super::Gemini;
    use super::*;
    use crate::chat::{DialectId, Message, Part, PartKind, Role};
    use crate::dialect::Quirks;

    #[test]
    fn a_vendor_that_takes_no_whole_request_gets_what_counts_of_it() {
        let mut quirks = Quirks::default();
        let mut request = Request::new(DialectId::AnthropicMessages, "a");
        let part = Part::from(PartKind::Text("hi".into()));
        request.messages.push(Message { role: Role::User, parts: vec![part], name: None });
        let written = |quirks: &Quirks| {
            let to = To { model: "m", quirks, want_usage: false };
            String::from_utf8(Gemini.write_count_request(&request, &to).unwrap().to_vec()).unwrap()
        };
        let contents = r#""contents":[{"role":"user","parts":[{"text":"hi"}]}]"#;
        assert_eq!(written(&quirks), format!(r#"{{"generateContentRequest":{{{contents},"model":"models/m"}}}}"#));
        quirks.request.plain_count = true;
        assert_eq!(written(&quirks), format!("{{{contents}}}"));
        let to = To { model: "m", quirks: &quirks, want_usage: false };
        let relayed = |body: &str| Gemini.edit_count(body.as_bytes(), &to).unwrap().body;
        let whole = format!(r#"{{"generateContentRequest":{{"model":"models/a",{contents},"safetySettings":[]}}}}"#);
        assert_eq!(relayed(&whole), format!("{{{contents}}}"));
        assert_eq!(relayed(&format!("{{{contents}}}")), format!("{{{contents}}}"));
    }
}

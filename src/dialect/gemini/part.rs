//! Parts of a turn, as they are written: a request's to a vendor, an answer's to a client.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::raw::{self, to_raw};
use crate::chat::{ApiError, Media};
use crate::dialect::media;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WirePart<'a> {
    Text(Text<'a>),
    #[serde(rename_all = "camelCase")]
    Inline {
        inline_data: Blob<'a>,
    },
    #[serde(rename_all = "camelCase")]
    File {
        file_data: FileData<'a>,
    },
    Call(Box<CallPart<'a>>),
    #[serde(rename_all = "camelCase")]
    Response {
        function_response: FunctionResponse<'a>,
    },
    Native(&'a Value),
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Text<'a> {
    #[serde(serialize_with = "raw::text")]
    pub(super) text: Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallPart<'a> {
    pub(super) function_call: FunctionCall<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) args: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    pub(super) name: &'a str,
    pub(super) response: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<WirePart<'a>>,
}

/// A function's result, under the name that says whether it failed.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Output(String),
    Error(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    mime_type: Cow<'a, str>,
    #[serde(serialize_with = "raw::text")]
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: &'a str,
}

impl<'a> WirePart<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(Text { text: text.into(), ..Text::default() })
    }

    pub(super) fn thought(text: impl Into<Cow<'a, str>>, thought_signature: Option<Cow<'a, str>>) -> Self {
        Self::Text(Text { text: text.into(), thought: true, thought_signature })
    }

    /// A call; its arguments are the JSON text that the model wrote.
    pub(super) fn call(
        id: Option<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
        arguments: &str,
        thought_signature: Option<Cow<'a, str>>,
    ) -> Self {
        let function_call = FunctionCall { name: name.into(), args: arguments_object(arguments), id };
        Self::Call(Box::new(CallPart { function_call, thought_signature }))
    }

    pub(super) fn inline(mime_type: impl Into<Cow<'a, str>>, data: &'a str) -> Self {
        Self::Inline { inline_data: Blob { mime_type: mime_type.into(), data } }
    }

    /// An image or a document, wherever its bytes are.
    pub(super) fn media(media: &'a Media) -> Result<Self, ApiError> {
        match media {
            Media::Base64 { media_type, data } => Ok(Self::inline(media_type.as_str(), data)),
            Media::Text(text) => Ok(Self::text(text.as_str())),
            Media::Url(url) | Media::FileId(url) if media::is_web_address(url) || url.starts_with("gs://") => {
                Ok(Self::File { file_data: FileData { mime_type: media_type_of(url), file_uri: url } })
            }
            Media::Url(_) => {
                let message = "not an address that this vendor reads: it takes http(s), gs:// and data URLs with ;base64";
                Err(ApiError::invalid("invalid_value", "url", message))
            }
            Media::FileId(_) => {
                let message = "a file of another vendor's store cannot be sent to this one";
                Err(ApiError::invalid("unsupported_parameter", "file_id", message))
            }
        }
    }
}

/// The arguments as a JSON object. What is not one is wrapped, so that the reader sees what the model wrote.
pub(super) fn arguments_object(arguments: &str) -> Box<RawValue> {
    let text = arguments.trim();
    if text.is_empty() {
        return to_raw(&serde_json::Map::new());
    }
    match serde_json::from_str::<Box<RawValue>>(text) {
        Ok(raw) if raw.get().starts_with('{') => raw,
        _ => to_raw(&serde_json::json!({ "arguments": arguments })),
    }
}

/// The media type that the end of a URL's path tells. The vendor looks for itself where it is left out.
fn media_type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_always_an_object_and_keep_their_spelling() {
        assert_eq!(arguments_object(r#"{"a": 1.50}"#).get(), r#"{"a": 1.50}"#);
        assert_eq!(arguments_object("").get(), "{}");
        assert_eq!(arguments_object(r#"{"a":"#).get(), r#"{"arguments":"{\"a\":"}"#);
        assert_eq!(arguments_object("[1]").get(), r#"{"arguments":"[1]"}"#);
    }

    #[test]
    fn a_urls_media_type_is_told_by_its_path() {
        assert_eq!(media_type_of("https://a.b/c.PNG?x=.pdf"), Some("image/png"));
        assert_eq!(media_type_of("https://a.pdf/c"), None);
    }
}

//! Content blocks of a request, as they are written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::raw;
use crate::chat::{ApiError, CacheHint, Media};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        #[serde(serialize_with = "raw::text")]
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    #[serde(untagged)]
    Native(&'a Value),
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }

    /// Thinking has to come first in a turn, calls last.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Thinking { .. } | Self::RedactedThinking { .. } => 0,
            Self::ToolUse { .. } => 2,
            _ => 1,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 {
        media_type: &'a str,
        #[serde(serialize_with = "raw::text")]
        data: &'a str,
    },
    Url {
        url: &'a str,
    },
    Text {
        media_type: &'static str,
        #[serde(serialize_with = "raw::text")]
        data: Cow<'a, str>,
    },
    File {
        file_id: &'a str,
    },
}

impl<'a> Source<'a> {
    /// Where an image's bytes are. `own_files` says whether a file id is one of this vendor's.
    pub(super) fn image(media: &'a Media, own_files: bool) -> Result<Self, ApiError> {
        match media {
            Media::Url(url) => Ok(Self::Url { url }),
            Media::Base64 { media_type, data } => Ok(Self::Base64 { media_type, data }),
            Media::FileId(file_id) if own_files => Ok(Self::File { file_id }),
            Media::FileId(_) => Err(unsupported("file_id", "a file of another vendor's store cannot be sent to this one")),
            Media::Text(_) => Err(unsupported("image", "an image has to be given as data or as a URL")),
        }
    }

    /// Where a document's bytes are. The vendor takes PDF and plain text.
    pub(super) fn document(media: &'a Media, own_files: bool) -> Result<Self, ApiError> {
        match media {
            Media::Text(text) => Ok(Self::Text { media_type: "text/plain", data: Cow::Borrowed(text) }),
            Media::Base64 { media_type, data } if media_type.starts_with("text/") || media_type == "application/json" => {
                let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let text = text.ok_or_else(|| ApiError::invalid("invalid_value", "file", "the text file is not base64 of UTF-8"))?;
                Ok(Self::Text { media_type: "text/plain", data: Cow::Owned(text) })
            }
            Media::Base64 { media_type, .. } if media_type != "application/pdf" => {
                Err(unsupported("file", "this vendor takes files of type application/pdf and text only"))
            }
            Media::Url(_) | Media::Base64 { .. } | Media::FileId(_) => Self::image(media, own_files),
        }
    }
}

/// The 400 for something that this format cannot say and that may not just be left out.
pub(super) fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct CacheControl {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CacheControl {
    /// The vendor keeps prompts for five minutes or an hour; whatever is wanted for longer is kept for the hour.
    pub(super) fn new(hint: &CacheHint) -> Self {
        let ttl = match hint.ttl.as_deref() {
            None => None,
            Some("5m") => Some("5m"),
            Some(_) => Some("1h"),
        };
        Self { r#type: "ephemeral", ttl }
    }
}

/// Counts cache markers: the vendor takes four in a request.
pub(super) struct CacheMarkers {
    left: u8,
    pub(super) lost: bool,
}

impl Default for CacheMarkers {
    fn default() -> Self {
        Self { left: 4, lost: false }
    }
}

impl CacheMarkers {
    pub(super) fn take(&mut self, hint: Option<&CacheHint>) -> Option<CacheControl> {
        let control = CacheControl::new(hint?);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(control)
            }
            None => {
                self.lost = true;
                None
            }
        }
    }
}

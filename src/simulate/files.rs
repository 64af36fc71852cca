//! `/files`: uploads are counted as they come; small ones can be read back.

use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use super::chat::now;
use super::multipart::{PartHead, Reader, Sink, parameter};
use super::router::{Answer, error};
use super::text;
use crate::chat::ApiError;

/// This much of a file is kept, and this many files.
const MAX_KEPT: usize = 4 << 20;
const MAX_FILES: usize = 16;

/// A file that was sent.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) bytes: u64,
    purpose: Vec<u8>,
    /// The content, up to `MAX_KEPT`.
    kept: Vec<u8>,
    part: PartHead,
}

impl Sink for Upload {
    fn part(&mut self, head: PartHead) {
        if let Some(name) = &head.file {
            self.name.clone_from(name);
        }
        self.part = head;
    }

    fn data(&mut self, bytes: &[u8]) {
        if self.part.file.is_some() {
            self.bytes += bytes.len() as u64;
            let room = MAX_KEPT.saturating_sub(self.kept.len()).min(bytes.len());
            self.kept.extend(bytes.iter().take(room));
        } else if self.part.name == "purpose" && self.purpose.len() < 256 {
            self.purpose.extend_from_slice(bytes);
        }
    }
}

/// Reads a multipart upload to its end.
pub(super) async fn receive(headers: &HeaderMap, mut body: Incoming) -> Result<Upload, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(boundary) = content_type.starts_with("multipart/form-data").then(|| parameter(content_type, "boundary")).flatten() else {
        return Err(error(415, Some("unsupported_media_type"), "the content type must be multipart/form-data with a boundary"));
    };
    let mut reader = Reader::new(&boundary);
    let mut upload = Upload::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| error(400, Some("malformed_body"), "the body was cut"))?;
        if let Some(bytes) = frame.data_ref() {
            reader.push(bytes, &mut upload).map_err(|malformed| error(400, Some("malformed_body"), &malformed.to_string()))?;
        }
    }
    reader.end().map_err(|malformed| error(400, Some("malformed_body"), &malformed.to_string()))?;
    Ok(upload)
}

/// The latest uploads.
#[derive(Debug, Default)]
pub(super) struct Files {
    kept: VecDeque<(String, Bytes)>,
    count: u64,
}

impl Files {
    /// Keeps an upload and tells its file object.
    pub(super) fn add(&mut self, upload: Upload) -> Answer {
        self.count += 1;
        let id = text::id("file-", self.count);
        let object = json!({"id": id, "object": "file", "bytes": upload.bytes, "created_at": now(), "filename": upload.name,
            "purpose": String::from_utf8_lossy(&upload.purpose), "status": "processed"});
        self.kept.push_back((id, upload.kept.into()));
        if self.kept.len() > MAX_FILES {
            self.kept.pop_front();
        }
        Answer::json(&object)
    }

    pub(super) fn content(&self, id: &str) -> Result<Answer, ApiError> {
        let found = self.kept.iter().find(|(kept, _)| kept == id);
        let (_, bytes) = found.ok_or_else(|| error(404, Some("file_not_found"), "No such file"))?;
        Ok(Answer::Whole { content_type: "application/octet-stream", bytes: bytes.clone() })
    }
}

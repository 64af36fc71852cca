//! Images, documents and sounds: Converse names formats by words of its own.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::base::raw;
use crate::chat::{ApiError, Media};

/// Document formats and their media types.
const DOCUMENTS: [(&str, &str); 9] = [
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
];
/// The longest name a document may have.
const MOST: usize = 200;

/// Where the bytes are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Source<'a> {
    Bytes(#[serde(serialize_with = "raw::text")] Cow<'a, str>),
    S3Location { uri: &'a str },
}

/// An image or a sound.
#[derive(Serialize)]
pub(super) struct File<'a> {
    format: Cow<'a, str>,
    source: Source<'a>,
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    format: &'static str,
    name: String,
    source: Source<'a>,
}

/// An image's block.
pub(super) fn image(media: &Media) -> Result<File<'_>, ApiError> {
    let (format, source) = match media {
        Media::Base64 { media_type, data } => (media_type.as_str(), Source::Bytes(data.into())),
        Media::Url(uri) if uri.starts_with("s3://") => (extension(uri), Source::S3Location { uri }),
        _ => return Err(unsupported("image_url", "this vendor takes an image's data or its place in S3, no other address")),
    };
    let format = match format.trim_start_matches("image/") {
        "jpg" | "jpeg" => "jpeg",
        known @ ("png" | "gif" | "webp") => known,
        _ => return Err(unsupported("image_url", "this vendor takes images as PNG, JPEG, GIF and WebP")),
    };
    Ok(File { format: format.into(), source })
}

/// A document's block. Its name has to be `name`, which the vendor takes.
pub(super) fn document(media: &Media, name: String) -> Result<Document<'_>, ApiError> {
    let by_type = |media_type: &str| {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let other_text = (essence.starts_with("text/") || essence == "application/json").then_some("txt");
        DOCUMENTS.into_iter().find(|(_, known)| *known == essence).map(|(format, _)| format).or(other_text)
    };
    let by_name = |name: &str| DOCUMENTS.into_iter().map(|(format, _)| format).find(|format| *format == extension(name));
    let (format, source) = match media {
        Media::Text(text) => (Some("txt"), Source::Bytes(STANDARD.encode(text).into())),
        Media::Base64 { media_type, data } => (by_type(media_type), Source::Bytes(data.into())),
        Media::Url(uri) if uri.starts_with("s3://") => (by_name(uri), Source::S3Location { uri }),
        Media::Url(_) => return Err(unsupported("file", "this vendor takes a document's data or its place in S3, no other address")),
        Media::FileId(_) => return Err(unsupported("file_id", "a file of another vendor's store cannot be sent to this one")),
    };
    let format = format.ok_or_else(|| unsupported("file", "this vendor does not take documents of this type"))?;
    Ok(Document { format, name, source })
}

/// A sound's block.
pub(super) fn audio<'a>(format: &'a str, data: &'a str) -> File<'a> {
    File { format: format.into(), source: Source::Bytes(data.into()) }
}

/// The media type of a document's format.
pub(super) fn media_type(format: &str) -> Option<&'static str> {
    DOCUMENTS.into_iter().find(|(known, _)| *known == format).map(|(_, media_type)| media_type)
}

/// A document's name as the vendor takes it: letters, digits, hyphens, brackets and single spaces, each name only once among
/// `taken`.
pub(super) fn document_name(name: Option<&str>, taken: &mut Vec<String>) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']') { c } else { ' ' };
    let cleaned: String = name.unwrap_or_default().chars().map(good).take(MOST - 8).collect();
    let words: Vec<&str> = cleaned.split_whitespace().collect();
    let base = if words.is_empty() { "Document".to_owned() } else { words.join(" ") };
    let mut unique = base.clone();
    let mut count = 1;
    while taken.contains(&unique) {
        count += 1;
        unique = format!("{base} ({count})");
    }
    taken.push(unique.clone());
    unique
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn formats_are_named_by_their_words() {
        let media = |media_type: &str| Media::Base64 { media_type: media_type.into(), data: "AAA=".into() };
        assert_eq!(json(&image(&media("image/jpg")).unwrap()), r#"{"format":"jpeg","source":{"bytes":"AAA="}}"#);
        let s3 = Media::Url("s3://b/k.PNG.webp".into());
        assert_eq!(json(&image(&s3).unwrap()), r#"{"format":"webp","source":{"s3Location":{"uri":"s3://b/k.PNG.webp"}}}"#);
        for bad in [media("image/tiff"), Media::Url("https://a/b.png".into()), Media::FileId("f".into())] {
            assert_eq!(image(&bad).err().and_then(|error| error.param).as_deref(), Some("image_url"));
        }
        let format = |media: &Media| document(media, "n".into()).map(|document| document.format);
        assert_eq!(format(&media("text/markdown; charset=utf-8")), Ok("md"));
        assert_eq!(format(&media("application/json")), Ok("txt"));
        assert!(format(&media("application/zip")).is_err() && format(&Media::FileId("f".into())).is_err());
        let text = Media::Text("hi".into());
        assert_eq!(json(&document(&text, "n".into()).unwrap()), r#"{"format":"txt","name":"n","source":{"bytes":"aGk="}}"#);
    }

    #[test]
    fn documents_get_names_that_are_taken_and_differ() {
        let mut taken = Vec::new();
        let mut name = |given: Option<&str>| document_name(given, &mut taken);
        assert_eq!(name(Some("Report_2024.final  v2.pdf")), "Report 2024 final v2 pdf");
        assert_eq!(name(Some("Report 2024 final v2 pdf")), "Report 2024 final v2 pdf (2)");
        assert_eq!((name(None), name(Some("…"))), ("Document".to_owned(), "Document (2)".to_owned()));
        assert!(name(Some(&"x".repeat(500))).len() <= MOST);
    }
}

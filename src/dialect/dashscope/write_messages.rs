//! Turns OpenAI's messages into DashScope's, where a part is told by its one key.

use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// What a part holds beside text.
const MEDIA: [&str; 4] = ["image", "audio", "video", "file"];

/// Rewrites the messages in place. Where any of them holds media, or the model is `multimodal`, all content is a list of parts.
pub(super) fn to_native(messages: &mut [Object], multimodal: bool) {
    for message in messages.iter_mut() {
        if let Some(Value::Array(parts)) = message.get_mut("content") {
            parts.iter_mut().filter_map(Value::as_object_mut).for_each(part_to_native);
        }
    }
    let lists = messages.iter().filter_map(|message| message.get("content")?.as_array());
    let multimodal = multimodal || lists.flatten().any(is_media);
    for content in messages.iter_mut().filter_map(|message| message.get_mut("content")) {
        match content {
            Value::Null if multimodal => *content = json!([]),
            Value::Null => *content = "".into(),
            Value::String(text) if multimodal => *content = if text.is_empty() { json!([]) } else { json!([{ "text": text }]) },
            Value::Array(parts) if !multimodal => {
                // Only a part that is to be cached has to stand by itself.
                let texts =
                    parts.iter().map(|part| part.get("text").and_then(Value::as_str).filter(|_| part.get("cache_control").is_none()));
                if let Some(texts) = texts.collect::<Option<Vec<&str>>>() {
                    *content = texts.join("\n").into();
                }
            }
            Value::Array(parts) => {
                for part in parts.iter_mut().filter_map(Value::as_object_mut).filter(|part| part.contains_key("text")) {
                    part.shift_remove("type");
                }
            }
            _ => {}
        }
    }
}

/// Whether a part of a native request is about more than text.
pub(super) fn is_media(part: &Value) -> bool {
    part.as_object().is_some_and(|part| !part.contains_key("type") && MEDIA.iter().any(|kind| part.contains_key(*kind)))
}

/// A part of text keeps its type: the endpoint for text alone asks for it.
fn part_to_native(part: &mut Object) {
    let found = match part.get("type").and_then(Value::as_str) {
        Some("image_url") => ("image", part.get("image_url").map(|image| image.get("url").unwrap_or(image).clone())),
        Some("input_audio") => ("audio", part.get("input_audio").map(|audio| audio.get("data").unwrap_or(audio).clone())),
        Some("video_url") => ("video", part.get("video_url").map(|video| video.get("url").unwrap_or(video).clone())),
        Some("video") => ("video", part.get("video").cloned()),
        _ => return,
    };
    let (key, Some(value)) = found else { return };
    for name in ["type", "image_url", "input_audio", "video_url"] {
        part.shift_remove(name);
    }
    part.shift_insert(0, key.into(), value);
}

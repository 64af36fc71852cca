//! Turns a client's message into OpenAI's form: content parts are told apart by their one key, not by a type.

use serde_json::{Map, Value, json};

/// The message in OpenAI's form. What it says that has no form there is named in `own`.
pub(super) fn to_openai(mut message: Map<String, Value>, own: &mut Map<String, Value>) -> Value {
    if let Some(Value::Array(parts)) = message.get_mut("content") {
        for part in parts.iter_mut() {
            if let Value::Object(fields) = part
                && !fields.contains_key("type")
            {
                *part = part_to_openai(std::mem::take(fields), own);
            }
        }
    }
    // The model goes on with this text instead of answering it.
    if let Some(partial) = message.shift_remove("partial") {
        own.insert("partial".into(), partial);
    }
    message.into()
}

fn part_to_openai(mut part: Map<String, Value>, own: &mut Map<String, Value>) -> Value {
    let cache = part.shift_remove("cache_control");
    let mut written = if let Some(text) = part.shift_remove("text") {
        json!({"type": "text", "text": text})
    } else if let Some(image) = part.shift_remove("image") {
        json!({"type": "image_url", "image_url": {"url": image}})
    } else if let Some((format, data)) = part.get("audio").and_then(Value::as_str).and_then(audio) {
        let audio = json!({"type": "input_audio", "input_audio": {"format": format, "data": data}});
        part.shift_remove("audio");
        audio
    } else {
        // Kept as it is, under the name of what it holds.
        let kind = part.keys().next().cloned().unwrap_or_default();
        let mut native = Map::from_iter([("type".to_owned(), Value::from(kind))]);
        native.append(&mut part);
        native.into()
    };
    if let (Some(cache), Value::Object(written)) = (cache, &mut written) {
        written.insert("cache_control".into(), cache);
    }
    // Such as the size to which an image is brought.
    own.extend(part);
    written
}

/// Format and base64 text of a data URL of audio.
fn audio(url: &str) -> Option<(&str, &str)> {
    let (format, data) = url.strip_prefix("data:audio/")?.split_once(";base64,")?;
    Some((format, data))
}

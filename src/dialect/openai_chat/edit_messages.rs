//! Edits the messages of a request where a vendor takes less than OpenAI does.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::chat::Dropped;
use crate::dialect::call_id::{self, Form};
use crate::dialect::quirks::{AudioForm, MessageQuirks};

type Message = Map<String, Value>;

/// Puts an instruction into the first system message, or into one of its own at the start.
pub fn instruct(messages: &mut Vec<Message>, instruction: &str) {
    let first = messages.first_mut().filter(|message| is(message, "system") || is(message, "developer"));
    match first.and_then(|message| message.get_mut("content")) {
        Some(Value::String(text)) => {
            text.push_str("\n\n");
            text.push_str(instruction);
        }
        Some(Value::Array(parts)) => parts.push(json!({"type": "text", "text": instruction})),
        _ => messages.insert(0, message("system", instruction)),
    }
}

/// Applies a vendor's quirks, in the order of their fields.
pub fn edit(messages: &mut Vec<Message>, quirks: &MessageQuirks, dropped: &mut Dropped) {
    for message in messages.iter_mut() {
        if let Some(other) = message.get("role").and_then(Value::as_str).and_then(|role| quirks.roles.get(role)) {
            message.insert("role".into(), other.as_str().into());
        }
        if quirks.drop_name && !is(message, "tool") && message.shift_remove("name").is_some() {
            dropped.add("name");
        }
        for name in &quirks.drop_fields {
            if message.shift_remove(name).is_some_and(|value| !value.is_null()) {
                dropped.add(name.clone());
            }
        }
        edit_parts(message, quirks, dropped);
        if let Some(filler) = &quirks.empty_assistant
            && is(message, "assistant")
            && is_silent(message)
        {
            message.insert("content".into(), filler.as_str().into());
        }
    }
    if quirks.single_system {
        gather_system(messages);
    }
    if quirks.merge_same_role {
        merge_neighbours(messages);
    }
    if let Some(filler) = &quirks.assistant_after_tool {
        separate(messages, filler);
    }
    if quirks.prefix_last_assistant
        && let Some(last) = messages.last_mut().filter(|last| is(last, "assistant") && !last.contains_key("tool_calls"))
    {
        last.insert("prefix".into(), true.into());
    }
}

fn edit_parts(message: &mut Message, quirks: &MessageQuirks, dropped: &mut Dropped) {
    let Some(Value::Array(parts)) = message.get_mut("content") else { return };
    for part in parts.iter_mut().filter_map(Value::as_object_mut) {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if quirks.unsupported_parts.contains(&kind) {
            if part.get("image_url").is_some_and(|image| image.get("detail").is_some()) {
                dropped.add("detail");
            }
            let note = format!("[{kind} left out: the model cannot read it]");
            *part = Map::from_iter([("type".to_owned(), "text".into()), ("text".to_owned(), note.into())]);
            dropped.add(kind);
            continue;
        }
        if quirks.drop_image_detail
            && let Some(Value::Object(image)) = part.get_mut("image_url")
            && image.shift_remove("detail").is_some()
        {
            dropped.add("detail");
        }
        if quirks.refusal_as_text
            && kind == "refusal"
            && let Some(text) = part.shift_remove("refusal")
        {
            part.insert("type".into(), "text".into());
            part.insert("text".into(), text);
        }
        match quirks.audio {
            Some(form) if kind == "input_audio" => rewrite_audio(part, form),
            _ => {}
        }
        if quirks.file_as_document_url && kind == "file" {
            rewrite_file(part);
        }
    }
    let texts: Option<Vec<&str>> = parts.iter().map(text_of).collect();
    if let Some(texts) = texts.filter(|_| quirks.flatten_text) {
        let joined = texts.join("\n");
        message.insert("content".into(), joined.into());
    }
}

/// The text of a part that is nothing else.
fn text_of(part: &Value) -> Option<&str> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => part.get("text")?.as_str(),
        Some("refusal") => part.get("refusal")?.as_str(),
        _ => None,
    }
}

fn rewrite_audio(part: &mut Message, form: AudioForm) {
    let Some(Value::Object(audio)) = part.get_mut("input_audio") else { return };
    let Some(data) = audio.get("data").and_then(Value::as_str).map(str::to_owned) else { return };
    match form {
        AudioForm::Base64 => {
            part.insert("input_audio".into(), data.into());
        }
        AudioForm::DataUrl if data.starts_with("data:") => {}
        AudioForm::DataUrl => {
            let format = audio.get("format").and_then(Value::as_str).unwrap_or("wav");
            let url = format!("data:audio/{format};base64,{data}");
            audio.insert("data".into(), url.into());
        }
    }
}

/// `file` with data becomes `document_url`; a file id keeps its form.
fn rewrite_file(part: &mut Message) {
    let Some(file) = part.get("file") else { return };
    let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(data) = text("file_data") else { return };
    let url = if data.contains(':') { data } else { format!("data:application/pdf;base64,{data}") };
    let name = text("filename");
    part.shift_remove("file");
    part.insert("type".into(), "document_url".into());
    part.insert("document_url".into(), url.into());
    if let Some(name) = name {
        part.insert("document_name".into(), name.into());
    }
}

/// One system message at the start with the text of all.
fn gather_system(messages: &mut Vec<Message>) {
    if messages.iter().filter(|message| is(message, "system")).count() == 0 {
        return;
    }
    let (mut system, rest): (Vec<_>, Vec<_>) = std::mem::take(messages).into_iter().partition(|message| is(message, "system"));
    let mut first = system.remove(0);
    system.iter_mut().for_each(|message| append(&mut first, message));
    messages.push(first);
    messages.extend(rest);
}

fn merge_neighbours(messages: &mut Vec<Message>) {
    let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
    for mut message in std::mem::take(messages) {
        match merged.last_mut() {
            Some(last) if same_speaker(last, &message) => append(last, &mut message),
            _ => merged.push(message),
        }
    }
    *messages = merged;
}

fn same_speaker(one: &Message, other: &Message) -> bool {
    let alike = one.get("role") == other.get("role") && one.get("name") == other.get("name");
    let speaks_only = |message: &Message| is(message, "user") || is(message, "assistant") && !message.contains_key("tool_calls");
    alike && speaks_only(one) && speaks_only(other)
}

/// Appends the content of one message to another's.
fn append(to: &mut Message, from: &mut Message) {
    let (Some(held), Some(more)) = (to.get_mut("content"), from.get_mut("content").map(Value::take)) else { return };
    *held = match (held.take(), more) {
        (Value::String(held), Value::String(more)) => format!("{held}\n\n{more}").into(),
        (held, more) => [held, more].into_iter().flat_map(into_parts).collect(),
    };
}

fn into_parts(content: Value) -> Vec<Value> {
    match content {
        Value::Array(parts) => parts,
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        _ => Vec::new(),
    }
}

/// Puts a word of the assistant's between a tool's answer and a user message.
fn separate(messages: &mut Vec<Message>, filler: &str) {
    let mut separated = Vec::with_capacity(messages.len());
    for current in std::mem::take(messages) {
        if is(&current, "user") && separated.last().is_some_and(|last| is(last, "tool")) {
            separated.push(message("assistant", filler));
        }
        separated.push(current);
    }
    *messages = separated;
}

/// Brings tool-call ids to the form that the vendor takes.
pub fn map_ids(messages: &mut [Message], form: Form) {
    let map = |id: Option<&mut Value>| {
        if let Some(Value::String(id)) = id
            && let Cow::Owned(mapped) = call_id::accepted(id, form)
        {
            *id = mapped;
        }
    };
    for message in messages {
        map(message.get_mut("tool_call_id"));
        for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            map(call.get_mut("id"));
        }
    }
}

/// Whether a request answers a tool call whose id is not of this form. Looks at the text alone, as requests may be long.
pub fn has_foreign_id(body: &[u8], form: Form) -> bool {
    const KEY: &[u8] = b"\"tool_call_id\"";
    memchr::memmem::find_iter(body, KEY).any(|at| {
        let rest = body.get(at + KEY.len()..).unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        let id = value.strip_prefix(b"\"").and_then(|value| value.split(|byte| *byte == b'"').next()).unwrap_or_default();
        // With an escape in it, an id seems longer than it is. That costs only time.
        std::str::from_utf8(id).map_or(true, |id| matches!(call_id::accepted(id, form), Cow::Owned(_)))
    })
}

fn is(message: &Message, role: &str) -> bool {
    message.get("role").is_some_and(|own| own == role)
}

/// Neither text nor calls.
fn is_silent(message: &Message) -> bool {
    let empty = match message.get("content") {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(parts)) => parts.is_empty(),
        Some(_) => false,
    };
    empty && message.get("tool_calls").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

fn message(role: &str, content: &str) -> Message {
    Map::from_iter([("role".to_owned(), role.into()), ("content".to_owned(), content.into())])
}

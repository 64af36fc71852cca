//! Reads a client's turns. Calls need not have ids in this dialect: those without one get one by their place, and results
//! without one belong to the first call of their name that has none yet.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::signature::{self, Proof};
use crate::chat::{ApiError, DialectId, Media, Message, Part, PartKind, Role};
use crate::dialect::fields::wrong_type;
use crate::dialect::media;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parts: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart<'a> {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(default, alias = "thought_signature")]
    thought_signature: Option<String>,
    #[serde(default, alias = "inline_data")]
    inline_data: Option<Blob>,
    #[serde(default, alias = "file_data")]
    file_data: Option<FileData>,
    #[serde(borrow, default, alias = "function_call")]
    function_call: Option<Call<'a>>,
    #[serde(borrow, default, alias = "function_response")]
    function_response: Option<Outcome<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(alias = "mime_type")]
    mime_type: String,
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileData {
    #[serde(default, alias = "mime_type")]
    mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    file_uri: String,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: String,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    name: String,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow, default)]
    parts: Option<Vec<&'a RawValue>>,
}

/// Reads the system instruction: a turn, or its text alone.
pub(super) fn read_system(raw: &RawValue) -> Result<Option<Message>, ApiError> {
    const AT: &str = "systemInstruction";
    let parts = match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => vec![Part::from(PartKind::Text(text))],
        Err(_) => Reader::default().parts(&serde_json::from_str(raw.get()).map_err(|_| wrong_type(AT))?, AT)?,
    };
    Ok((!parts.is_empty()).then_some(Message { role: Role::System, name: None, parts }))
}

/// Reads all turns.
pub(super) fn read_contents(raw: &RawValue, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let turns: Vec<Content<'_>> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("contents"))?;
    let mut reader = Reader::default();
    for (at, turn) in turns.into_iter().enumerate() {
        let parts = reader.parts(&turn, &format!("contents[{at}]"))?;
        if turn.role.as_deref() == Some("model") {
            messages.push(Message { role: Role::Assistant, name: None, parts });
            continue;
        }
        let (results, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        let only_results = rest.is_empty() && !results.is_empty();
        if !results.is_empty() {
            messages.push(Message { role: Role::Tool, name: None, parts: results });
        }
        if !only_results {
            messages.push(Message { role: Role::User, name: None, parts: rest });
        }
    }
    Ok(())
}

#[derive(Default)]
struct Reader {
    /// Calls so far.
    calls: usize,
    /// Calls that have no result yet: name and id.
    open: Vec<(String, String)>,
}

impl Reader {
    fn parts(&mut self, turn: &Content<'_>, at: &str) -> Result<Vec<Part>, ApiError> {
        let mut parts = Vec::new();
        for (index, raw) in turn.parts.iter().flatten().enumerate() {
            self.part(raw, &format!("{at}.parts[{index}]"), &mut parts)?;
        }
        Ok(parts)
    }

    fn part(&mut self, raw: &RawValue, at: &str, parts: &mut Vec<Part>) -> Result<(), ApiError> {
        let part: WirePart<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))?;
        let proof = part.thought_signature.as_deref().filter(|signature| !signature.is_empty()).map(signature::read);
        let kind = if let Some(call) = part.function_call {
            push_proof(proof, parts);
            self.calls += 1;
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{}", self.calls));
            self.open.push((call.name.clone(), id.clone()));
            let arguments = call.args.map_or("{}", RawValue::get).to_owned();
            PartKind::ToolCall { id, name: call.name, arguments, custom: false }
        } else if let Some(outcome) = part.function_response {
            self.result(outcome, at)?
        } else if part.thought == Some(true) {
            if let Some(text) = part.text.filter(|text| !text.is_empty()) {
                match parts.last_mut().map(|part| &mut part.kind) {
                    Some(PartKind::Thinking { text: held, signature: None }) => held.push_str(&text),
                    _ => parts.push(PartKind::Thinking { text, signature: None }.into()),
                }
            }
            push_proof(proof, parts);
            return Ok(());
        } else if let Some(text) = part.text {
            PartKind::Text(text)
        } else if let Some(Blob { mime_type, data }) = part.inline_data {
            let data = signature::standard_base64(&data);
            match mime_type.split_once('/') {
                Some(("image", _)) => PartKind::Image { source: Media::Base64 { media_type: mime_type, data }, detail: None },
                Some(("audio", format)) => PartKind::Audio { format: format.to_owned(), data },
                _ => PartKind::Document { source: Media::Base64 { media_type: mime_type, data }, name: None },
            }
        } else if let Some(FileData { mime_type, file_uri }) = part.file_data {
            // The vendor's own store; everybody else's address is open.
            let is_stored = file_uri.starts_with("https://generativelanguage.googleapis.com/") || !media::is_web_address(&file_uri);
            let source = if is_stored { Media::FileId(file_uri) } else { Media::Url(file_uri) };
            match mime_type.as_deref().and_then(|kind| kind.split_once('/')) {
                Some(("image", _)) => PartKind::Image { source, detail: None },
                _ => PartKind::Document { source, name: None },
            }
        } else {
            let value: Value = serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))?;
            PartKind::Native { dialect: DialectId::Gemini, value }
        };
        parts.push(kind.into());
        Ok(())
    }

    fn result(&mut self, outcome: Outcome<'_>, at: &str) -> Result<PartKind, ApiError> {
        let by_id = outcome.id.as_deref().filter(|id| !id.is_empty());
        let found = self.open.iter().position(|(name, id)| by_id.map_or(*name == outcome.name, |wanted| wanted == id));
        let id = match (found, by_id) {
            (Some(found), _) => self.open.remove(found).1,
            (None, Some(id)) => id.to_owned(),
            (None, None) => outcome.name.clone(),
        };
        let (text, is_error) = outcome.response.map_or_else(Default::default, |response| result_text(response.get()));
        let mut parts = vec![Part::from(PartKind::Text(text))];
        for (index, raw) in outcome.parts.iter().flatten().enumerate() {
            self.part(raw, &format!("{at}.functionResponse.parts[{index}]"), &mut parts)?;
        }
        Ok(PartKind::ToolResult { id, name: Some(outcome.name), parts, is_error })
    }
}

/// Adds a proof to the thinking just before it, or as one of its own.
fn push_proof(proof: Option<Proof>, parts: &mut Vec<Part>) {
    match proof {
        Some(Proof::Signature(proof)) => match parts.last_mut().map(|part| &mut part.kind) {
            Some(PartKind::Thinking { signature: signature @ None, .. }) => *signature = Some(proof),
            _ => parts.push(PartKind::Thinking { text: String::new(), signature: Some(proof) }.into()),
        },
        Some(Proof::Redacted(data)) => parts.push(PartKind::RedactedThinking { data }.into()),
        Some(Proof::None) | None => {}
    }
}

/// The text of a function's response, and whether it tells a failure. The vendor gives a meaning to two names.
fn result_text(json: &str) -> (String, bool) {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Named {
        #[serde(alias = "result")]
        Output(Value),
        Error(Value),
    }
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match serde_json::from_str::<Named>(json) {
        Ok(Named::Output(value)) => (text(value), false),
        Ok(Named::Error(value)) => (text(value), true),
        Err(_) => (json.to_owned(), false),
    }
}

//! What a vendor says when it answers with an error, whatever the shape it says it in.

use serde_json::{Map, Value};

/// The longest message that is passed on, in bytes.
const MESSAGE_LIMIT: usize = 2048;
/// Keys of a vendor's error object that say more than OpenAI's four and are safe to show.
const KEPT: [&str; 2] = ["innererror", "failed_generation"];
/// What a vendor said, before it is judged.
#[derive(Debug, Default)]
pub struct Said {
    pub message: String,
    pub kind: String,
    pub code: Option<String>,
    pub param: Option<String>,
    /// A status that the body itself names.
    pub status: Option<u16>,
    pub extra: Map<String, Value>,
}

impl Said {
    /// Reads a body of any kind.
    pub fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of(&value),
            Err(_) => Self { message: plain(body), ..Self::default() },
        }
    }

    /// Reads a body that is JSON.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self { message: clean(text), ..Self::default() },
            Value::Array(items) => items.iter().map(Self::of).find(|said| !said.message.is_empty()).unwrap_or_default(),
            Value::Object(object) => Self::of_object(object),
            _ => Self::default(),
        }
    }

    fn of_object(object: &Map<String, Value>) -> Self {
        let mut said = Self::default();
        for key in ["error", "message", "Message", "detail", "msg"] {
            let inner = match object.get(key) {
                Some(Value::Array(items)) if key == "detail" => Self::of_details(items),
                Some(value) => Self::of(value),
                None => continue,
            };
            if !inner.message.is_empty() {
                said = inner;
                break;
            }
        }
        if said.kind.is_empty() {
            said.kind = text(object, "type").or_else(|| text(object, "status")).unwrap_or_default();
        }
        for key in ["code", "status_code", "statusCode"] {
            match object.get(key) {
                Some(Value::Number(number)) => said.status = said.status.or(number.as_u64().and_then(http_status)),
                Some(Value::String(code)) if !code.is_empty() => said.code = said.code.or_else(|| Some(code.clone())),
                _ => {}
            }
        }
        said.param = said.param.or_else(|| text(object, "param"));
        for key in KEPT {
            if let Some(value) = object.get(key) {
                said.extra.entry(key).or_insert_with(|| value.clone());
            }
        }
        said
    }

    /// FastAPI's list of `{loc, msg}`.
    fn of_details(items: &[Value]) -> Self {
        let mut said = Self::default();
        for item in items {
            let message = Self::of(item).message;
            let place: Vec<String> = item
                .get("loc")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|step| *step != "body")
                .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
                .collect();
            if message.is_empty() {
                continue;
            }
            if !said.message.is_empty() {
                said.message.push_str("; ");
            }
            if !place.is_empty() {
                said.message.push_str(&place.join("."));
                said.message.push_str(": ");
                said.param.get_or_insert(place.join("."));
            }
            said.message.push_str(&message);
        }
        said
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The number, if it is the status of an error.
pub fn http_status(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// A body that is not JSON: its text, or only that it is a page.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') { "the upstream answered with an HTML page".into() } else { clean(text) }
}

/// The text without control characters, cut to what is worth passing on.
fn clean(text: &str) -> String {
    let mut end = text.len().min(MESSAGE_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_shape_gives_its_message() {
        for body in [
            r#"{"error":{"message":"boom","type":"t","param":null,"code":null}}"#,
            r#"{"error":{"code":400,"message":"boom","status":"INVALID_ARGUMENT","details":[]}}"#,
            r#"[{"error":{"message":"boom"}}]"#,
            r#"{"error":"boom"}"#,
            r#"{"code":"invalid-argument","error":"boom"}"#,
            r#"{"type":"error","error":{"type":"t","message":"boom"}}"#,
            r#"{"message":"boom"}"#,
            r#"{"Message":"boom"}"#,
            r#"{"code":"InvalidParameter","message":"boom","request_id":"r"}"#,
            r#"{"object":"error","message":"boom","type":"t","code":3505}"#,
            r#"{"detail":"boom"}"#,
            r#"{"detail":[{"msg":"boom","type":"t"}]}"#,
            r#"{"detail":{"message":"boom"}}"#,
            r#"{"statusCode":400,"message":"boom"}"#,
            r#"{"id":"x","message":"boom"}"#,
            r#"{"object":"error","message":{"detail":[{"loc":[],"msg":"boom"}]},"type":"t"}"#,
            "boom",
        ] {
            assert_eq!(Said::read(body.as_bytes()).message, "boom", "{body}");
        }
        assert!(Said::read(b"<html>secret</html>").message.contains("HTML page"));
    }

    #[test]
    fn details_name_the_field() {
        let error = Said::read(br#"{"detail":[{"loc":["body","messages",0,"role"],"msg":"bad"},{"loc":["body","n"],"msg":"worse"}]}"#);
        assert_eq!(error.message, "messages.0.role: bad; n: worse");
        assert_eq!(error.param.as_deref(), Some("messages.0.role"));
    }

    #[test]
    fn long_messages_are_cut_and_control_characters_go() {
        let said = Said::read(format!(r#"{{"error":"a\u0007{}"}}"#, "é".repeat(4096)).as_bytes());
        assert!(said.message.len() <= MESSAGE_LIMIT && said.message.starts_with("a é"));
    }
}

//! What is secret in a record: sealed before it is stored, never shown, and bound to its place.

use serde_json::{Map, Value};

use crate::base::secret::Secret;
use crate::config::{MASKED, record};
use crate::seal::{SealError, Sealer, is_sealed};
use crate::store::Kind;

/// Why a secret cannot be kept. The first is the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealProblem {
    /// There is nothing to seal with.
    NoKey(String),
    /// It says "as it is", and there is nothing.
    NothingThere(String),
    /// It is no text.
    NoText(String),
    Failed(String, String),
}

/// Calls `each` with every secret of a record's `config`, the name of its field, and its place in the configuration.
fn visit(kind: Kind, name: &str, config: &mut Map<String, Value>, each: &mut dyn FnMut(&mut Value, &str, &str)) {
    let place = format!("{}/{name}", kind.section());
    for (key, value) in config.iter_mut() {
        match (key.as_str(), value) {
            ("api_key", value) => each(value, "config.api_key", &format!("{place}/api_key")),
            ("api_keys", Value::Array(items)) => {
                // Items without a name share the place of their list.
                items
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, item)| each(item, &format!("config.api_keys[{at}]"), &format!("{place}/api_keys")));
            }
            ("headers", Value::Object(headers)) => {
                headers
                    .iter_mut()
                    .for_each(|(key, value)| each(value, &format!("config.headers.{key}"), &format!("{place}/headers/{key}")));
            }
            _ => {}
        }
    }
}

/// Puts what does not tell anything in place of every secret.
pub fn mask(kind: Kind, config: &mut Map<String, Value>) {
    visit(kind, "", config, &mut |value, _, _| *value = MASKED.into());
}

/// Seals every secret that is new. One that is masked, or equal to what was there, stays as it was sealed before. `sealer` is asked
/// for only if it is needed; `None` means that there is none.
///
/// # Errors
/// The first secret that cannot be kept.
pub fn keep_secrets(
    kind: Kind,
    name: &str,
    config: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    sealer: &dyn Fn() -> Result<Option<Sealer>, String>,
) -> Result<(), SealProblem> {
    let mut old = Map::new();
    let mut copy = before.cloned().unwrap_or_default();
    visit(kind, name, &mut copy, &mut |value, field, _| drop(old.insert(field.to_owned(), value.clone())));
    let (mut problem, mut made) = (None, None);
    visit(kind, name, config, &mut |value, field, place| {
        if problem.is_none() && !value.is_null() {
            let kept = old.get(field).and_then(Value::as_str);
            match keep(value, kept, field, &record(place), sealer, &mut made) {
                Ok(text) => *value = text.into(),
                Err(found) => problem = Some(found),
            }
        }
    });
    problem.map_or(Ok(()), Err)
}

fn keep(
    value: &Value,
    kept: Option<&str>,
    field: &str,
    record: &str,
    sealer: &dyn Fn() -> Result<Option<Sealer>, String>,
    made: &mut Option<Sealer>,
) -> Result<String, SealProblem> {
    let text = value.as_str().ok_or_else(|| SealProblem::NoText(field.to_owned()))?;
    if text == MASKED {
        return kept.map(str::to_owned).ok_or_else(|| SealProblem::NothingThere(field.to_owned()));
    }
    if is_sealed(text) {
        return Ok(text.to_owned());
    }
    let failed = |error: String| SealProblem::Failed(field.to_owned(), error);
    if made.is_none() {
        *made = sealer().map_err(failed)?;
    }
    let sealer = made.as_ref().ok_or_else(|| SealProblem::NoKey(field.to_owned()))?;
    if let Some(kept) = kept
        && sealer.open(record, kept).is_ok_and(|secret| secret.expose() == text)
    {
        return Ok(kept.to_owned());
    }
    sealer.seal(record, &Secret::new(text)).map_err(|error| failed(error.to_string()))
}

/// Seals every secret with a new data key, wrapped by the key that seals now. Returns how many there are.
///
/// # Errors
/// The field of the first secret that cannot be opened or sealed, and why; some others are sealed anew already then.
pub fn seal_anew(kind: Kind, name: &str, config: &mut Map<String, Value>, sealer: &Sealer) -> Result<usize, (String, SealError)> {
    let (mut count, mut problem) = (0, None);
    visit(kind, name, config, &mut |value, field, place| {
        let Some(text) = value.as_str().filter(|text| problem.is_none() && is_sealed(text)) else { return };
        let record = record(place);
        match sealer.open(&record, text).and_then(|secret| sealer.seal(&record, &secret)) {
            Ok(text) => {
                *value = text.into();
                count += 1;
            }
            Err(error) => problem = Some((field.to_owned(), error)),
        }
    });
    problem.map_or(Ok(count), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{LocalKey, new_key};
    use serde_json::json;
    use std::sync::Arc;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn secrets_are_sealed_kept_and_refused() {
        let key: Arc<dyn crate::seal::KeyEncryptionKey> = Arc::new(LocalKey::read(&new_key().unwrap()).unwrap());
        let sealer = Sealer::new(key, Vec::new());
        let with = || Ok(Some(sealer.clone()));
        let given = map(json!({"api_key": "canary", "headers": {"x-a": "canary"}, "base_url": "u"}));
        let mut config = given.clone();
        keep_secrets(Kind::Provider, "p", &mut config, None, &with).unwrap();
        assert!(!Value::Object(config.clone()).to_string().contains("canary"));
        let sealed = config["api_key"].as_str().unwrap();
        assert_eq!(sealer.open("config:providers/p/api_key", sealed).unwrap().expose(), "canary");
        assert!(sealer.open("config:providers/q/api_key", sealed).is_err());

        // The same again, plain or masked, changes nothing.
        let mut again = given;
        keep_secrets(Kind::Provider, "p", &mut again, Some(&config), &with).unwrap();
        assert_eq!(again, config);
        let mut masked = config.clone();
        mask(Kind::Provider, &mut masked);
        assert_eq!((&masked["api_key"], &masked["headers"]["x-a"], &masked["base_url"]), (&json!("***"), &json!("***"), &json!("u")));
        keep_secrets(Kind::Provider, "p", &mut masked, Some(&config), &|| Ok(None)).unwrap();
        assert_eq!(masked, config);

        // With a new key nothing but the secret stays as it was, and the former key opens it no more.
        let [former, new] =
            [0, 1].map(|_| Arc::new(LocalKey::read(&new_key().unwrap()).unwrap()) as Arc<dyn crate::seal::KeyEncryptionKey>);
        let rotating = Sealer::new(new, vec![Arc::clone(&former)]);
        let mut turned = map(
            json!({"api_keys": [Sealer::new(former, Vec::new()).seal("config:providers/p/api_keys", &Secret::new("canary")).unwrap()]}),
        );
        let before = turned.clone();
        assert_eq!(seal_anew(Kind::Provider, "p", &mut turned, &rotating), Ok(1));
        let text = turned["api_keys"][0].as_str().unwrap();
        assert_ne!(turned, before);
        assert_eq!(rotating.open("config:providers/p/api_keys", text).unwrap().expose(), "canary");
        assert_eq!(seal_anew(Kind::Provider, "q", &mut turned, &rotating), Err(("config.api_keys[0]".into(), SealError::Refused)));

        let refused = |config: Value, sealer: &dyn Fn() -> Result<Option<Sealer>, String>| {
            keep_secrets(Kind::Provider, "p", &mut map(config), None, sealer).unwrap_err()
        };
        assert_eq!(refused(json!({"api_key": "k"}), &|| Ok(None)), SealProblem::NoKey("config.api_key".into()));
        assert_eq!(refused(json!({"api_key": "***"}), &with), SealProblem::NothingThere("config.api_key".into()));
        assert_eq!(refused(json!({"api_keys": [5]}), &with), SealProblem::NoText("config.api_keys[0]".into()));
    }
}

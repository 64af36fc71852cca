//! What a provider made through the API has to keep to beyond what the check of every configuration asks.

use http::StatusCode;
use serde_json::{Map, Value};

use super::answer::Problem;
use crate::config::check_url;
use crate::vendor;

/// Where a provider's key goes: a key that is kept must not go elsewhere than before.
const WHERE: &[&str] = &["base_url", "region", "api", "location", "auth_header"];

/// `body` has its secrets sealed already, `before` is what it takes the place of.
pub(super) fn provider(body: &Value, before: Option<&Value>, allowed: &[String]) -> Result<(), Problem> {
    let empty = Map::new();
    let config = body.get("config").and_then(Value::as_object).unwrap_or(&empty);
    let unprocessable = |code, field: &str, detail: &str| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).at(field));
    let url = config.get("base_url").and_then(Value::as_str);
    if let Some(url) = url
        && let Err(detail) = check_url(url, allowed)
    {
        return unprocessable("url_not_allowed", "config.base_url", &detail);
    }
    let auth = config.get("auth").and_then(Value::as_str);
    let has_key = config.contains_key("api_key") || config.contains_key("api_keys");
    if url.is_some() && !has_key {
        if auth.is_some_and(|auth| auth != "none" && auth != "key") {
            return unprocessable(
                "invalid_config",
                "config.auth",
                "this process's own identity and clients' keys go to the vendor's own address only",
            );
        }
        // Else the vendor's key of this process's environment would go to an address somebody else chose.
        let kind = body.get("provider_type").and_then(Value::as_str).unwrap_or_default();
        let has_usual =
            vendor::facts().iter().any(|facts| (facts.id == kind || facts.aliases.iter().any(|a| a == kind)) && !facts.env.is_empty());
        if auth != Some("none") && has_usual {
            return unprocessable("invalid_config", "config.api_key", "a `base_url` of one's own needs a key of its own, or `auth: none`");
        }
    }
    if let Some(before) = before
        && has_key
    {
        let old = before.get("config").and_then(Value::as_object).unwrap_or(&empty);
        let is_moved =
            body.get("provider_type") != before.get("provider_type") || WHERE.iter().any(|key| config.get(*key) != old.get(*key));
        let is_kept = ["api_key", "api_keys"].iter().any(|key| config.contains_key(*key) && config.get(*key) == old.get(*key));
        if is_moved && is_kept {
            return unprocessable(
                "invalid_config",
                "config.api_key",
                "give the key anew: it is not sent to another address than the one it was given for",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(config: Value, before: Option<Value>) -> Option<String> {
        let body = json!({"provider_type": "openai", "config": config});
        let before = before.map(|config| json!({"provider_type": "openai", "config": config}));
        provider(&body, before.as_ref(), &[]).err().and_then(|problem| problem.param)
    }

    #[test]
    fn keys_go_only_where_they_were_meant_to_go() {
        assert_eq!(field(json!({"api_key": "enc:1"}), None), None);
        assert_eq!(field(json!({}), None), None);
        assert_eq!(field(json!({"base_url": "http://127.0.0.1", "api_key": "enc:1"}), None).unwrap(), "config.base_url");
        assert_eq!(field(json!({"base_url": "https://evil.example"}), None).unwrap(), "config.api_key");
        assert_eq!(field(json!({"base_url": "https://evil.example", "auth": "forward"}), None).unwrap(), "config.auth");
        assert_eq!(field(json!({"base_url": "https://good.example", "auth": "none"}), None), None);
        let moved = |key: &str| field(json!({"base_url": "https://other.example", "api_key": key}), Some(json!({"api_key": "enc:1"})));
        assert_eq!(moved("enc:1").unwrap(), "config.api_key");
        assert_eq!(moved("enc:2"), None);
    }
}

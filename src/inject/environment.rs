//! The variables by which the vendors' own SDKs find the sidecar.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::patch::Patch;
use super::settings::{EnvironmentMode, Settings};

/// The key that applications present; the sidecar holds the real ones. A configuration with `clients:` needs keys of its own.
const PLACEHOLDER: &str = "llm-sidecar";
/// Variables that send an SDK through a proxy, which must not be asked for loopback addresses.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "127.0.0.1,localhost,::1";

/// What a vendor's SDKs read: the variable of the base URL, what follows the address in it, and that of the key.
struct Sdk {
    provider: &'static str,
    url: &'static str,
    path: &'static str,
    key: &'static str,
}

const SDKS: [Sdk; 8] = [
    Sdk { provider: "openai", url: "OPENAI_BASE_URL", path: "/v1", key: "OPENAI_API_KEY" },
    Sdk { provider: "anthropic", url: "ANTHROPIC_BASE_URL", path: "", key: "ANTHROPIC_API_KEY" },
    Sdk { provider: "azure", url: "AZURE_OPENAI_ENDPOINT", path: "", key: "AZURE_OPENAI_API_KEY" },
    Sdk { provider: "gemini", url: "GOOGLE_GEMINI_BASE_URL", path: "", key: "GEMINI_API_KEY" },
    Sdk { provider: "cohere", url: "CO_API_URL", path: "", key: "CO_API_KEY" },
    Sdk { provider: "dashscope", url: "DASHSCOPE_HTTP_BASE_URL", path: "/api/v1", key: "DASHSCOPE_API_KEY" },
    Sdk { provider: "bedrock", url: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", path: "", key: "AWS_BEARER_TOKEN_BEDROCK" },
    Sdk { provider: "ollama", url: "OLLAMA_HOST", path: "", key: "OLLAMA_API_KEY" },
];

pub(super) fn providers() -> impl Iterator<Item = &'static str> {
    SDKS.iter().map(|sdk| sdk.provider)
}

pub(super) fn is_known(provider: &str) -> bool {
    providers().any(|known| known == provider)
}

/// The names of a container's variables that were changed.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub added: Vec<String>,
    /// Lists of hosts to which the loopback addresses were appended.
    pub extended: Vec<String>,
}

/// Gives the container at `pointer` what it lacks, and notes what it is warned of.
pub(super) fn add(patch: &mut Patch, pointer: &str, settings: &Settings, warnings: &mut Vec<String>) -> Changed {
    let env = format!("{pointer}/env");
    let from_elsewhere = !patch.list(&format!("{pointer}/envFrom")).is_empty();
    let mut added = Vec::new();
    let sdks = SDKS.iter().filter(|sdk| settings.env_providers.iter().any(|wanted| wanted == sdk.provider));
    for sdk in sdks {
        let address = format!("http://127.0.0.1:{}{}", settings.port, sdk.path);
        for (name, value) in [(sdk.url, Cow::Owned(address)), (sdk.key, Cow::Borrowed(PLACEHOLDER))] {
            let variable = json!({"name": name, "value": value});
            match position(patch.list(&env), name) {
                None => {
                    patch.push(&env, variable);
                    added.push(name.to_owned());
                }
                Some(at) if settings.env == EnvironmentMode::Force && patch.list(&env).get(at) != Some(&variable) => {
                    patch.set(&format!("{env}/{at}"), "value", value.into());
                    if patch.get(&format!("{env}/{at}/valueFrom")).is_some() {
                        patch.remove(&format!("{env}/{at}"), "valueFrom");
                    }
                }
                Some(_) => {}
            }
        }
    }
    if !added.is_empty() && from_elsewhere {
        let name = patch.get(&format!("{pointer}/name")).and_then(Value::as_str).unwrap_or_default().to_owned();
        warnings.push(format!("the container `{name}` takes variables from elsewhere (envFrom); those added here win over them"));
    }
    let mut changed = Changed { added, extended: Vec::new() };
    bypass(patch, &env, &mut changed);
    changed
}

/// Keeps requests to loopback addresses away from a proxy that the container uses.
fn bypass(patch: &mut Patch, env: &str, changed: &mut Changed) {
    if !PROXIES.iter().any(|name| position(patch.list(env), name).is_some()) {
        return;
    }
    for name in NO_PROXY {
        match position(patch.list(env), name) {
            None => {
                patch.push(env, json!({"name": name, "value": LOOPBACK}));
                changed.added.push(name.to_owned());
            }
            Some(at) => {
                let pointer = format!("{env}/{at}");
                let value = match patch.get(&format!("{pointer}/value")) {
                    Some(value) => value.as_str().map(str::to_owned),
                    // The API server leaves out a value that is empty.
                    None => patch.get(&format!("{pointer}/valueFrom")).is_none().then(String::new),
                };
                if let Some(value) = value.filter(|value| !value.split(',').any(|host| host.trim() == "127.0.0.1")) {
                    let joined = if value.is_empty() { LOOPBACK.to_owned() } else { format!("{value},{LOOPBACK}") };
                    patch.set(&pointer, "value", joined.into());
                    changed.extended.push(name.to_owned());
                }
            }
        }
    }
}

/// A hosts list without what [`bypass`] appended.
pub(super) fn without_loopback(value: &str) -> Option<&str> {
    value.strip_suffix(LOOPBACK).map(|rest| rest.strip_suffix(',').unwrap_or(rest))
}

fn position(env: &[Value], name: &str) -> Option<usize> {
    env.iter().position(|variable| variable.get("name").is_some_and(|own| own == name))
}

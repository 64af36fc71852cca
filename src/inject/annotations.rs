//! What a pod's annotations change of the settings.

use serde_json::{Map, Value};

use super::settings::{EnvironmentMode, Native, Probes, Settings};
use super::{INJECT, PREFIX, STATUS, environment};

/// Reads one annotation's value into the settings; the error says what it has to be.
type Apply = fn(&mut Settings, &str) -> Result<(), String>;

/// The annotations behind the prefix.
const KNOWN: [(&str, Apply); 17] = [
    ("config", |s, v| name(v).map(|v| s.config = v)),
    ("keys-secret", |s, v| name(v).map(|v| s.keys_secret = v)),
    ("port", |s, v| port(v).map(|v| s.port = v)),
    ("admin-port", |s, v| port(v).map(|v| s.admin_port = v)),
    ("image", |s, v| text(v).map(|v| s.image = v)),
    ("image-pull-policy", |s, v| one_of(v, &["Always", "IfNotPresent", "Never"]).map(|v| s.image_pull_policy = Some(v.to_owned()))),
    ("log-level", |s, v| one_of(v, &["error", "warn", "info", "debug", "trace"]).map(|v| s.log_level = Some(v.to_owned()))),
    ("cpu-request", |s, v| quantity(v).map(|v| resource(s, "requests", "cpu", v))),
    ("cpu-limit", |s, v| quantity(v).map(|v| resource(s, "limits", "cpu", v))),
    ("memory-request", |s, v| quantity(v).map(|v| resource(s, "requests", "memory", v))),
    ("memory-limit", |s, v| quantity(v).map(|v| resource(s, "limits", "memory", v))),
    ("env", |s, v| {
        let mode = match one_of(v, &["auto", "force", "off"])? {
            "force" => EnvironmentMode::Force,
            "off" => EnvironmentMode::Off,
            _ => EnvironmentMode::Auto,
        };
        s.env = mode;
        Ok(())
    }),
    ("env-providers", |s, v| {
        let providers = list(v);
        match providers.iter().find(|provider| !environment::is_known(provider)) {
            Some(unknown) => Err(format!("`{unknown}` is none of {}", environment::providers().collect::<Vec<_>>().join(", "))),
            None => {
                s.env_providers = providers;
                Ok(())
            }
        }
    }),
    ("containers", |s, v| {
        s.containers = list(v);
        Ok(())
    }),
    ("native", |s, v| {
        s.native = match one_of(v, &["auto", "true", "false"])? {
            "true" => Native::Always,
            "false" => Native::Never,
            _ => Native::Auto,
        };
        Ok(())
    }),
    ("probes", |s, v| {
        s.probes = if one_of(v, &["http", "exec"])? == "exec" { Probes::Exec } else { Probes::Http };
        Ok(())
    }),
    ("drain-seconds", |s, v| {
        s.drain_seconds = v.parse().ok().filter(|seconds| *seconds <= 3600).ok_or("it has to be a number of seconds up to 3600")?;
        Ok(())
    }),
];

/// The names of all annotations, without the prefix.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Applies a pod's annotations. The error names the annotation and what it has to be; unknown ones are told as warnings.
pub(super) fn apply(annotations: &Map<String, Value>, settings: &mut Settings) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    for (key, value) in annotations {
        let Some(name) = key.strip_prefix(PREFIX).filter(|_| key != INJECT && key != STATUS) else { continue };
        let Some((_, read)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            warnings.push(format!("the annotation `{key}` is not known; there are {}", names().collect::<Vec<_>>().join(", ")));
            continue;
        };
        if !settings.allowed_overrides.iter().any(|allowed| allowed == name) {
            return Err(format!("the annotation `{key}` is not allowed by the injector's `allowed_overrides`"));
        }
        let value = value.as_str().ok_or_else(|| format!("the annotation `{key}` has to be a string"))?;
        read(settings, value).map_err(|what| format!("the annotation `{key}` is `{value}`: {what}"))?;
    }
    if settings.port == settings.admin_port {
        return Err(format!("the data port and the admin port are both {}", settings.port));
    }
    Ok(warnings)
}

fn text(value: &str) -> Result<String, String> {
    if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it has to be one word".to_owned());
    }
    Ok(value.to_owned())
}

/// The name of a Kubernetes object: a DNS subdomain (RFC 1123).
fn name(value: &str) -> Result<String, String> {
    let is_name = !value.is_empty()
        && value.len() <= 253
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && value.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if is_name { Ok(value.to_owned()) } else { Err("it has to be the name of a Kubernetes object".to_owned()) }
}

fn port(value: &str) -> Result<u16, String> {
    // The sidecar has no right to ports below 1024.
    value.parse().ok().filter(|port| *port >= 1024).ok_or_else(|| "it has to be a port from 1024 to 65535".to_owned())
}

/// A Kubernetes quantity: `20m`, `0.5`, `64Mi`.
fn quantity(value: &str) -> Result<String, String> {
    const UNITS: [&str; 15] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let is_quantity = number.parse::<f64>().is_ok_and(|number| number > 0.0) && UNITS.contains(&unit);
    if is_quantity { Ok(value.to_owned()) } else { Err("it has to be a quantity, such as `20m` or `64Mi`".to_owned()) }
}

fn one_of<'v>(value: &'v str, words: &[&str]) -> Result<&'v str, String> {
    if words.contains(&value) { Ok(value) } else { Err(format!("it has to be one of {}", words.join(", "))) }
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn resource(settings: &mut Settings, kind: &str, name: &str, value: String) {
    if !settings.resources.is_object() {
        settings.resources = Value::Object(Map::new());
    }
    if let Some(resources) = settings.resources.as_object_mut() {
        let entry = resources.entry(kind).or_insert_with(|| Value::Object(Map::new()));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(name.to_owned(), value.into());
        }
    }
}

//! `${...}`.

use super::*;
use crate::config::{ProviderAuth, hash_files};

fn key(text: &str) -> String {
    match &good(&format!("providers: {{a: {{type: groq, api_key: \"{text}\"}}}}")).providers["a"].auth {
        ProviderAuth::Keys(keys) => keys[0].expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_environment_and_defaults() {
    assert_eq!(key("${KEY}"), "canary-env-value");
    assert_eq!(key("${KEY:-other}"), "canary-env-value");
    assert_eq!(key("${UNSET:-other}"), "other");
    assert_eq!(key("${EMPTY:-other}"), "other");
    assert_eq!(key("a-${PORT}-b-${KEY}"), "a-4321-b-canary-env-value");
    assert_eq!(key("$${KEY}$"), "${KEY}$");
}

#[test]
fn numbers_and_words_may_be_references() {
    let config = good(
        "listen: 127.0.0.1:${PORT}\nserver: {max_body: \"${SIZE}\", allow_open: \"${YES}\"}\nproviders: {a: {type: groq, retry: {attempts: \"${ATTEMPTS}\"}}}\n",
    );
    assert_eq!(config.listen[0].port(), 4321);
    assert_eq!((config.server.max_body, config.server.allow_open, config.providers["a"].retry.attempts), (2 << 20, true, 2));
}

#[test]
fn files_are_read_and_remembered() {
    let main = "providers: {a: {type: groq, api_key: \"${file:secrets/key}\"}}";
    let (folder, config) = load_files(&[("config.yaml", main), ("secrets/key", "file-canary\r\n\n")]);
    let config = config.unwrap();
    assert!(matches!(&config.providers["a"].auth, ProviderAuth::Keys(keys) if keys[0].expose() == "file-canary"));
    assert_eq!(config.files, [folder.path().join("config.yaml"), folder.path().join("secrets/key")]);
    assert_eq!(config.hash, hash_files(&config.files));
    std::fs::write(folder.path().join("secrets/key"), "rotated").unwrap();
    assert_ne!(config.hash, hash_files(&config.files));
}

#[test]
fn a_missing_file_can_be_waited_for() {
    let (folder, result) = load_files(&[("config.yaml", "providers: {a: {type: groq, api_key: \"${file:key}\"}}")]);
    let error = result.unwrap_err();
    assert_eq!(error.files, [folder.path().join("config.yaml"), folder.path().join("key")]);
    assert_eq!(error.hash, hash_files(&error.files));
    assert_eq!(error.diagnostics.len(), 1, "{error}");
}

#[test]
fn what_cannot_be_resolved() {
    for (text, expected) in [
        ("${UNSET}", "the environment variable `UNSET` is not set"),
        ("${EMPTY}", "the environment variable `EMPTY` is empty"),
        ("${file:nowhere}", "cannot read"),
        ("${not a name}", "this is no reference"),
        ("${}", "this is no reference"),
        ("${KEY", "without its `}`"),
        ("enc:v1:abcdef", "the value is encrypted, and there is no key to open it with"),
    ] {
        let found = errors(&format!("providers: {{a: {{type: groq, api_key: \"{text}\"}}}}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
}

//! The example and the documentation say what is true.

use super::*;
use crate::config::schema::{SCHEMA, known_keys};

const EXAMPLE: &str = include_str!("../../../config.example.yaml");
const MANUAL: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_example_is_clean() {
    let config = good(EXAMPLE);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["simulator-anthropic", "simulator-openai"]);
    assert_eq!(config.models.keys().collect::<Vec<_>>(), ["claude", "fast"]);
}

/// What the example only suggests is right as well.
#[test]
fn the_commented_parts_of_the_example_are_right() {
    let text: String = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split_once("# ") {
            Some((before, rest)) if before.trim().is_empty() && (rest.starts_with(' ') || rest.contains(": ") || rest.ends_with(':')) => {
                format!("{before}{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .filter(|line| !line.contains("Real vendors") && !line.contains("usual environment variable"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("groq-key");
    std::fs::write(&secret, "canary").unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, text.replace("/run/secrets/groq-key", &secret.display().to_string())).unwrap();
    // The variable would name a file.
    let env = |name: &str| (name != "GOOGLE_APPLICATION_CREDENTIALS").then(|| "canary-value".to_owned());
    let config = load(&path, &vendors(), &env, &local).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.providers.contains_key("azure-eu") && config.providers.contains_key("local"));
}

/// The YAML blocks of the manual: each is a configuration, but for the providers and keys it may leave out.
#[test]
fn every_block_of_the_manual_is_right() {
    let blocks: Vec<&str> = MANUAL.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 8, "{}", blocks.len());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for block in blocks {
        let mut text = block.to_owned();
        if !block.contains("providers:") {
            text.push_str("\nproviders: {openai: {type: openai}, claude: {type: anthropic}}\n");
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("config.yaml", text.as_str()),
            ("cert.pem", &cert),
            ("ca.pem", &cert),
            ("key.pem", &key),
            ("openai-key", "canary"),
            ("google.json", r#"{"type":"authorized_user"}"#),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let distinct = |name: &str| Some(format!("value-of-{name}"));
        if let Err(error) = load(&folder.path().join("config.yaml"), &vendors(), &distinct, &local) {
            panic!("{block}\n{error}");
        }
    }
}

#[test]
fn the_manual_knows_every_key() {
    for key in known_keys() {
        assert!(MANUAL.contains(&format!("`{key}`")), "`{key}` is not in docs/configuration.md");
    }
}

#[test]
fn the_schema_names_its_draft_and_title() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "llm-sidecar configuration");
}

//! What the README and the guide say of the vendors is what the program says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::process::Command;

use llm_sidecar::dialect::Quirks;
use llm_sidecar::vendor::catalogue::Vendor;
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../docs/adding-a-vendor.md");

fn vendors(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_llm-sidecar")).arg("vendors").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_table_of_vendors_is_what_the_command_prints() {
    let table = vendors(&["--markdown"]);
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("\n\n{table}\n")), "the README should say what `llm-sidecar vendors --markdown` prints:\n\n{table}");
}

#[test]
fn the_other_forms_say_the_same() {
    let listed: Vec<Value> = serde_json::from_str(&vendors(&["--json"])).unwrap();
    let text = vendors(&[]);
    assert!(listed.len() >= 70, "{}", listed.len());
    assert_eq!(text.lines().count(), listed.len() + 1);
    let types: BTreeSet<&str> = listed.iter().filter_map(|row| row["type"].as_str()).collect();
    for id in ["openai", "anthropic", "gemini", "ollama", "sambanova", "lmstudio", "openai_compatible"] {
        assert!(types.contains(id), "{id}");
    }
}

/// The keys of an object and of the objects inside it.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, inner)| {
            found.insert(key.clone());
            keys(inner, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn every_quirk_is_explained() {
    let quirks: Quirks = serde_json::from_value(json!({"models": [{"names": [], "request": {}}]})).unwrap();
    let mut words = BTreeSet::new();
    keys(&serde_json::to_value(quirks).unwrap(), &mut words);
    assert!(words.len() > 30, "{words:?}");
    for word in words {
        assert!(
            GUIDE.contains(&format!("`{word}`")) || GUIDE.contains(&format!("  - {word}:")),
            "docs/adding-a-vendor.md does not explain `{word}`"
        );
    }
}

#[test]
fn the_guides_examples_are_right() {
    let (mut rows, mut examples, mut section) = (0, 0, "");
    for block in GUIDE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        if block.starts_with("- id") {
            rows += serde_yaml::from_str::<Vec<Vendor>>(block).unwrap().len();
        } else if block.starts_with("models") {
            serde_yaml::from_str::<Quirks>(block).unwrap();
        } else {
            let file = std::env::temp_dir().join(format!("llm-sidecar-guide-{}.yaml", std::process::id()));
            std::fs::write(&file, block).unwrap();
            let check = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"))
                .args(["check", "--config"])
                .arg(&file)
                .env("MINE_API_KEY", "k-12345678")
                .output();
            std::fs::remove_file(&file).unwrap();
            let check = check.unwrap();
            assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        }
    }
    for line in GUIDE.lines() {
        section = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`')).unwrap_or(section);
        let Some(row) = line.strip_prefix("| `") else { continue };
        let (word, rest) = row.split_once('`').unwrap();
        let example = rest.rsplit(" | ").next().and_then(|cell| cell.strip_prefix('`')?.strip_suffix("` |")).unwrap();
        assert!(example.starts_with(&format!("{word}: ")), "{line}");
        let quirks = match section {
            "messages" => format!("request:\n  messages:\n    {example}\n"),
            other => format!("{other}:\n  {example}\n"),
        };
        let read: Quirks = serde_yaml::from_str(&quirks).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_ne!(read, Quirks::default(), "{line}");
        examples += 1;
    }
    assert!(rows == 1 && examples > 25, "{rows} {examples}");
}

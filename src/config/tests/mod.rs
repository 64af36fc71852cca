//! The whole way from files to a configuration or to what is wrong with it.

mod address;
mod bounds;
mod clouds;
mod documents;
mod include;
mod meaning;
mod mistakes;
mod references;
mod roles;
mod sealed;
mod secrets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{Cloud, Config, KekSource, LoadError, Secrets, Severity, VendorFacts, load};
use crate::seal::{KeyEncryptionKey, LocalKey, Sealer};

/// A few vendors of every kind.
fn vendors() -> Vec<VendorFacts> {
    let words = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let vendor = |id: &str, aliases: &[&str], env: &[&str], url: Option<&str>, needs_key: bool, required: &[&str]| VendorFacts {
        id: id.into(),
        aliases: aliases.iter().map(|&alias| alias.into()).collect(),
        env: env.iter().map(|&name| name.into()).collect(),
        default_base_url: url.map(str::to_owned),
        regions: if id.starts_with("qwen") {
            words(&[("intl", "https://intl.example/v1"), ("us", "https://us.example/v1")])
        } else {
            BTreeMap::new()
        },
        apis: if id.starts_with("qwen") { words(&[("compatible", "qwen"), ("native", "qwen_native")]) } else { BTreeMap::new() },
        region_env: if id == "bedrock" { vec!["EMPTY".into(), "REGION".into()] } else { Vec::new() },
        needs_key,
        required: required.iter().map(|&key| key.into()).collect(),
        check_quirks: Some(|_, own| if own.get("requst").is_none() { Ok(()) } else { Err("unknown field".into()) }),
        ..VendorFacts::default()
    };
    let special = [("global".to_owned(), "https://cloud.example".to_owned())];
    let vertex = VendorFacts {
        locations: special.into(),
        cloud: Some(Cloud::Google),
        ..vendor("vertex", &[], &[], Some("https://{location}.cloud.example"), true, &[])
    };
    let aws = VendorFacts { cloud: Some(Cloud::Aws), ..vendor("aws", &[], &["BEDROCK_KEY"], Some("https://aws.example"), true, &[]) };
    let azure = VendorFacts { cloud: Some(Cloud::Azure), ..vendor("azure_cloud", &[], &["AZURE_KEY"], None, true, &["base_url"]) };
    vec![
        vertex,
        aws,
        azure,
        vendor("openai", &[], &["OPENAI_API_KEY"], Some("https://api.openai.com/v1"), true, &[]),
        vendor("anthropic", &["claude"], &["ANTHROPIC_API_KEY"], Some("https://api.anthropic.com"), true, &[]),
        vendor("qwen", &["dashscope"], &["DASHSCOPE_API_KEY"], Some("https://dashscope.example/v1"), true, &[]),
        vendor("qwen_native", &[], &["DASHSCOPE_API_KEY"], Some("https://dashscope.example/api"), true, &[]),
        vendor("groq", &[], &["GROQ_API_KEY"], Some("https://api.groq.com/openai/v1"), true, &[]),
        vendor("bedrock", &[], &["GROQ_API_KEY"], Some("https://bedrock.{region}.example"), true, &[]),
        vendor("cloud", &[], &["GROQ_API_KEY"], Some("https://{region}.cloud.example"), true, &[]),
        vendor("azure", &[], &["AZURE_OPENAI_API_KEY"], None, true, &["base_url"]),
        vendor("openai_compatible", &[], &[], None, false, &["base_url"]),
    ]
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("canary-env-value".into()),
        "EMPTY" => Some(String::new()),
        "PORT" => Some("4321".into()),
        "SIZE" => Some("2MiB".into()),
        "ATTEMPTS" => Some("2".into()),
        "REGION" => Some("eu-central-1".into()),
        "YES" => Some("true".into()),
        "GROQ_API_KEY" => Some("canary-groq".into()),
        "ANTHROPIC_API_KEY" => Some(String::new()),
        _ => None,
    }
}

/// A sealer of keys at hand.
fn local(secrets: &Secrets) -> Result<Sealer, String> {
    let key = |source: &KekSource| -> Result<Arc<dyn KeyEncryptionKey>, String> {
        match source {
            KekSource::Local(text) => Ok(Arc::new(LocalKey::read(text)?)),
            other => Err(format!("{other:?} is asked in no unit test")),
        }
    };
    Ok(Sealer::new(key(&secrets.kek)?, secrets.old.iter().map(key).collect::<Result<_, _>>()?))
}

/// Writes the files (the first is the main one) and loads them. The folder lives as long as the result.
fn load_files(files: &[(&str, &str)]) -> (TempDir, Result<Config, LoadError>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let result = load(&folder.path().join(files[0].0), &vendors(), &env, &local);
    (folder, result)
}

fn good(text: &str) -> Config {
    load_files(&[("config.yaml", text)]).1.unwrap_or_else(|error| panic!("{error}"))
}

/// The headlines without the folder, errors only.
fn errors(text: &str) -> Vec<String> {
    let (folder, result) = load_files(&[("config.yaml", text)]);
    headlines(&folder, &result.expect_err("it was accepted"))
}

fn headlines(folder: &TempDir, error: &LoadError) -> Vec<String> {
    let folder = format!("{}/", folder.path().display());
    let wrong = error.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    wrong.map(|diagnostic| diagnostic.headline().replace(&folder, "")).collect()
}

/// Everything a user would see.
fn rendered(text: &str) -> String {
    let (folder, result) = load_files(&[("config.yaml", text)]);
    result.expect_err("it was accepted").to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// A configuration that is right but for what is added under its one provider.
fn provider(lines: &str) -> String {
    format!("providers:\n  main:\n    type: openai\n    api_key: ${{KEY}}\n{}", indent(lines))
}

fn indent(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}\n")).collect()
}

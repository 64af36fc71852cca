//! Encrypted values in files.

use super::*;
use crate::base::secret::Secret;
use crate::config::{record, sealed_values};
use crate::seal::new_key;

/// A key's text, and a sealer of it.
fn key() -> (String, Sealer) {
    let text = new_key().unwrap();
    let sealer = Sealer::new(Arc::new(LocalKey::read(&text).unwrap()), Vec::new());
    (text.expose().to_owned(), sealer)
}

/// Writes the files, those of keys only for their owner, and loads the first.
fn load_with(files: &[(&str, &str)], keys: &[(&str, &str)]) -> (TempDir, Result<Config, LoadError>) {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = load_files(files);
    for (name, text) in keys {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let result = load(&folder.path().join(files[0].0), &vendors(), &env, &local);
    (folder, result)
}

const KEK: &str = "secrets: {kek: {file: kek.key}}\n";

fn first_key(config: &Config, provider: &str) -> String {
    match &config.providers[provider].auth {
        crate::config::ProviderAuth::Keys(keys) => keys[0].expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn encrypted_values_are_opened_wherever_they_stand() {
    let (text, sealer) = key();
    let seal = |place: &str| sealer.seal(&record(place), &Secret::new(format!("value-of-{place}"))).unwrap();
    let (a, b) = (seal("providers/a/api_key"), seal("providers/b/api_keys"));
    let (client, token) = (seal("clients/team/key"), seal("admin/tokens/ops/token"));
    let included = format!("providers: {{b: {{type: groq, api_keys: [\"{b}\"]}}}}");
    let main = format!(
        "{KEK}include: [more.yaml]\nproviders: {{a: {{type: groq, api_key: \"{a}\"}}}}\nclients: [{{name: other, key: \"${{KEY}}\"}}, {{name: team, key: \"{client}\"}}]\n\
         admin: {{tokens: [{{name: ops, token: \"{token}\"}}]}}\n"
    );
    let (folder, config) = load_with(&[("config.yaml", &main), ("more.yaml", &included)], &[("kek.key", &text)]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, Vec::<String>::new(), "an encrypted value is no literal");
    assert_eq!(
        (first_key(&config, "a").as_str(), first_key(&config, "b").as_str()),
        ("value-of-providers/a/api_key", "value-of-providers/b/api_keys")
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"value-of-clients/team/key");
    assert_eq!(config.clients[1].digests[0], digest.as_ref());
    assert!(config.files.contains(&folder.path().join("kek.key")), "a new key is noticed");
    assert!(!format!("{config:?}").contains("value-of"));
    let found = sealed_values(&folder.path().join("config.yaml"), &vendors(), &env).unwrap();
    let mut places: Vec<_> =
        found.values.iter().map(|(file, found)| (file.file_name().unwrap().to_str().unwrap(), found.place.as_str())).collect();
    places.sort_unstable();
    let expected = [
        ("config.yaml", "admin/tokens/ops/token"),
        ("config.yaml", "clients/team/key"),
        ("config.yaml", "providers/a/api_key"),
        ("more.yaml", "providers/b/api_keys"),
    ];
    assert_eq!(places, expected);
}

#[test]
fn swapped_and_foreign_values_are_refused_by_name() {
    let (text, sealer) = key();
    let seal = |place: &str| sealer.seal(&record(place), &Secret::new("canary-1")).unwrap();
    let wrong = |yaml: &str, keys: &[(&str, &str)]| {
        let (folder, result) = load_with(&[("config.yaml", yaml)], keys);
        let error = result.expect_err("it was accepted");
        assert!(!error.to_string().contains("canary"), "{error}");
        (headlines(&folder, &error), error.to_string())
    };
    let swapped = format!("{KEK}providers: {{a: {{type: groq, api_key: \"{}\"}}}}", seal("providers/b/api_key"));
    let (lines, all) = wrong(&swapped, &[("kek.key", &text)]);
    assert!(lines.len() == 1 && lines[0].contains("sealed for another place, or was changed"), "{lines:?}");
    assert!(all.contains("secret encrypt --for providers/a/api_key"), "{all}");
    let (other, _) = key();
    let (lines, all) = wrong(&swapped, &[("kek.key", &other)]);
    assert!(lines[0].contains("not among the configured ones") && all.contains("secrets.old"), "{all}");
    let (lines, _) = wrong(&swapped, &[("kek.key", "password")]);
    assert!(lines.len() == 1 && lines[0].contains("secrets.kek.file") && lines[0].contains("32 bytes in base64"), "{lines:?}");
    let (lines, _) = wrong(&swapped, &[]);
    assert!(lines.len() == 1 && lines[0].contains("cannot read kek.key"), "{lines:?}");
    let inside = format!(
        "secrets: {{kek: {{vault: {{address: \"http://v\", key_name: k, token: \"{}\"}}}}}}\nproviders: {{a: {{type: groq}}}}",
        seal("x")
    );
    assert!(wrong(&inside, &[]).0[0].contains("cannot be encrypted itself"));
}

#[test]
fn a_key_is_named_once_and_completely() {
    for (section, expected) in [
        ("{}", "no key is named"),
        ("{kek: {env: UNSET}}", "the environment variable `UNSET` is not set or empty"),
        ("{kek: {env: KEY}}", "32 bytes in base64"),
        ("{kek: {env: KEY, file: x}}", "more than one key is named"),
        ("{kek: {vault: {key_name: k, token: \"${KEY}\"}}}", "`address` is missing"),
        ("{kek: {vault: {address: \"http://v\", token: \"${KEY}\"}}}", "`key_name` is missing"),
        ("{kek: {vault: {address: \"http://v\", key_name: k}}}", "`token` is missing"),
        ("{kek: {vault: {address: \"http://v\", key_name: ../k, token: \"${KEY}\"}}}", "no part of Vault's URLs"),
        ("{kek: {vault: {address: \"v:1\", key_name: k, token: \"${KEY}\"}}}", "the URL has no `https://`"),
        ("{kek: {aws_kms: {region: eu-west-1}}}", "`key_id` is missing"),
        ("{kek: {aws_kms: {key_id: k, aws: {access_key_id: a, secret_access_key: \"${KEY}\"}}}}", "`region` is missing"),
        ("{kek: {file: no}, old: [{}]}", "cannot read no"),
        ("{kek: [x]}", "expected a mapping"),
    ] {
        let found = errors(&format!("secrets: {section}\nproviders: {{a: {{type: groq}}}}"));
        assert!(found.iter().any(|line| line.contains(expected)), "{section}: {found:?}");
    }
    let good = good(
        "secrets: {kek: {aws_kms: {key_id: \"arn:aws:kms:eu-west-1:1:key/k\", aws: {access_key_id: a, secret_access_key: \"${KEY}\"}}}}\nproviders: {a: {type: groq}}",
    );
    let Some(Secrets { kek: KekSource::AwsKms(kms), .. }) = good.secrets else { panic!("no key") };
    assert_eq!(kms.endpoint, "https://kms.eu-west-1.amazonaws.com");
}

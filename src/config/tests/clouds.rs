//! Identities at clouds: what the file and the environment say of them.

use std::fs;

use super::*;
use crate::config::{CloudAuth, GoogleAuth, Provider, ProviderAuth};

/// Loads one provider, with these environment variables alone.
fn provider(text: &str, env: &[(&str, &str)]) -> Result<Provider, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("user.json"), r#"{"type":"authorized_user","refresh_token":"canary","project_id":"of-file"}"#).unwrap();
    fs::write(folder.path().join("odd.json"), r#"{"type":"canary"}"#).unwrap();
    let main = folder.path().join("config.yaml");
    fs::write(&main, format!("providers: {{v: {text}}}")).unwrap();
    let folder = folder.path().display().to_string();
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.replace("{folder}", &folder));
    match load(&main, &vendors(), &lookup) {
        Ok(mut config) => Ok(config.providers.remove("v").unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

fn google(provider: &Provider) -> String {
    match &provider.auth {
        ProviderAuth::Cloud(CloudAuth::Google(GoogleAuth::File(text))) => text.expose().to_owned(),
        ProviderAuth::Cloud(CloudAuth::Google(GoogleAuth::Metadata(host))) => host.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn google_is_asked_where_the_file_or_the_environment_says() {
    let found = provider("{type: vertex, google: {credentials_file: user.json}}", &[]).unwrap();
    assert_eq!((found.project.as_deref(), found.location.as_deref()), (Some("of-file"), Some("global")));
    assert_eq!(found.base_url, "https://cloud.example");
    assert!(google(&found).contains("canary"));

    let env = [
        ("GOOGLE_APPLICATION_CREDENTIALS", "{folder}/user.json"),
        ("GOOGLE_CLOUD_PROJECT", "p"),
        ("GOOGLE_CLOUD_LOCATION", "europe-west4"),
        ("GCE_METADATA_HOST", "unused"),
    ];
    let found = provider("{type: vertex}", &env).unwrap();
    assert_eq!((found.project.as_deref(), found.base_url.as_str()), (Some("p"), "https://europe-west4.cloud.example"));
    assert!(google(&found).contains("canary"));
    let found = provider("{type: vertex, project: q, location: us, base_url: \"http://127.0.0.1:1\"}", &env).unwrap();
    assert_eq!((found.project.as_deref(), found.base_url.as_str()), (Some("q"), "http://127.0.0.1:1"));
}

#[test]
fn the_metadata_server_is_the_last_resort() {
    let env = [("GOOGLE_CLOUD_PROJECT", "p"), ("HOME", "{folder}")];
    assert_eq!(google(&provider("{type: vertex}", &env).unwrap()), "metadata.google.internal");
    let env = [("GOOGLE_CLOUD_PROJECT", "p"), ("GCE_METADATA_HOST", "127.0.0.1:8")];
    assert_eq!(google(&provider("{type: vertex}", &env).unwrap()), "127.0.0.1:8");
    assert_eq!(google(&provider("{type: vertex, google: {metadata_host: md}}", &env).unwrap()), "md");
}

#[test]
fn a_key_needs_no_project() {
    let found = provider("{type: vertex, api_key: k}", &[("GOOGLE_CLOUD_PROJECT", "p")]).unwrap();
    assert!(matches!(&found.auth, ProviderAuth::Keys(_)) && found.project.is_none());
}

#[test]
fn what_is_wrong_with_an_identity_is_said_without_its_secrets() {
    let env = [("GOOGLE_CLOUD_PROJECT", "p")];
    for (text, env, said) in [
        ("{type: vertex, google: {credentials_file: user.json}, project: a/b}", &env[..], "this is no project's id"),
        ("{type: vertex}", &[], "`project` is missing"),
        ("{type: vertex, location: a.b}", &env[..], "this is no location"),
        ("{type: vertex, google: {credentials_file: gone.json}}", &env[..], "cannot read"),
        ("{type: vertex, google: {credentials_file: odd.json}}", &env[..], "is of a `type` that is not known"),
        ("{type: vertex, google: {metadata_host: \"a/b\"}}", &env[..], "this is no host"),
        ("{type: vertex, auth: google, api_key: canary}", &env[..], "the `api_key` would not be used"),
        ("{type: vertex}", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")], "which GOOGLE_APPLICATION_CREDENTIALS names"),
    ] {
        let error = provider(text, env).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert!(error.contains(said) && !error.contains("canary"), "{text}: {error}");
    }
}

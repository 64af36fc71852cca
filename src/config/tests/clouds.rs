//! Identities at clouds: what the file and the environment say of them.

use std::fs;

use super::*;
use crate::config::{AwsIdentity, CloudAuth, EntraIdentity, GoogleAuth, Provider, ProviderAuth};

/// Loads one provider, with these environment variables alone.
fn provider(text: &str, env: &[(&str, &str)]) -> Result<Provider, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("user.json"), r#"{"type":"authorized_user","refresh_token":"canary","project_id":"of-file"}"#).unwrap();
    fs::write(folder.path().join("odd.json"), r#"{"type":"canary"}"#).unwrap();
    let main = folder.path().join("config.yaml");
    fs::write(&main, format!("providers: {{v: {text}}}")).unwrap();
    let folder = folder.path().display().to_string();
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.replace("{folder}", &folder));
    match load(&main, &vendors(), &lookup, &local) {
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

fn aws(text: &str, env: &[(&str, &str)]) -> crate::config::AwsAuth {
    match provider(text, env).unwrap().auth {
        ProviderAuth::Cloud(CloudAuth::Aws(aws)) => aws,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aws_is_looked_for_in_the_order_of_its_own_libraries() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "canary")];
    let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:r")];
    let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    let region = [("AWS_REGION", "eu-west-1")];
    let identity = |text: &str, env: &[&[(&str, &str)]]| aws(text, &env.concat()).identity;
    assert!(matches!(identity("{type: aws}", &[&region, &container, &web, &keys]), AwsIdentity::Keys { id, .. } if id == "AKIAENV"));
    let file = "{type: aws, aws: {access_key_id: AKIAFILE, secret_access_key: \"${AWS_SECRET_ACCESS_KEY}\"}}";
    assert!(matches!(identity(file, &[&region, &keys]), AwsIdentity::Keys { id, .. } if id == "AKIAFILE"));
    assert!(
        matches!(identity("{type: aws}", &[&region, &container, &web]), AwsIdentity::WebIdentity { role, .. } if role.sts == "https://sts.eu-west-1.amazonaws.com")
    );
    assert!(
        matches!(identity("{type: aws}", &[&region, &container]), AwsIdentity::Container { url, .. } if url == "http://169.254.170.2/v2/x")
    );
    assert!(matches!(identity("{type: aws}", &[&region]), AwsIdentity::Metadata { endpoint } if endpoint == "http://169.254.169.254"));
    let role = identity("{type: aws, aws: {role_arn: arn:other}}", &[&region, &keys]);
    assert!(matches!(role, AwsIdentity::Role { by, role } if role.arn == "arn:other" && matches!(*by, AwsIdentity::Keys { .. })));
    assert_eq!(aws("{type: aws, base_url: \"https://bedrock-runtime.us-east-2.amazonaws.com\"}", &keys).region, "us-east-2");
}

#[test]
fn entra_stands_in_for_a_key_only_where_it_is_spoken_of() {
    let entra = |text: &str, env: &[(&str, &str)]| match provider(text, env).unwrap().auth {
        ProviderAuth::Cloud(CloudAuth::Entra(entra)) => Some(entra),
        _ => None,
    };
    let application = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "canary")];
    let azure = "{type: azure_cloud, base_url: \"http://a\"}";
    let found = entra(azure, &application).unwrap();
    assert!(matches!(found.identity, EntraIdentity::Secret { .. }));
    assert_eq!(
        (found.authority.as_str(), found.scope.as_str()),
        ("https://login.microsoftonline.com", "https://cognitiveservices.azure.com/.default")
    );
    let keyed = [application.as_slice(), &[("AZURE_KEY", "k")]].concat();
    assert!(entra(azure, &keyed).is_none());
    assert!(entra("{type: azure_cloud, base_url: \"http://a\", auth: entra}", &keyed).is_some());
    let service = entra(azure, &[("IDENTITY_ENDPOINT", "http://127.0.0.1:1/x"), ("IDENTITY_HEADER", "canary")]).unwrap();
    assert!(matches!(service.identity, EntraIdentity::Service { client: None, .. }));
    let machine = entra("{type: azure_cloud, base_url: \"http://a\", auth: entra}", &[]).unwrap();
    assert!(matches!(machine.identity, EntraIdentity::Machine { .. }));
    assert!(provider(azure, &[]).err().unwrap().contains("`api_key` is missing"));
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
        ("{type: aws, aws: {access_key_id: a}}", &[("AWS_REGION", "eu-west-1")], "`secret_access_key` is missing"),
        ("{type: aws, base_url: \"http://a\"}", &[], "`region` is missing"),
        ("{type: aws, aws: {profile: gone}}", &[("AWS_REGION", "eu-west-1")], "the AWS profile `gone` has no keys"),
        ("{type: aws}", &[("AWS_REGION", "x"), ("AWS_EC2_METADATA_DISABLED", "true")], "there are no AWS credentials"),
        ("{type: aws}", &[("AWS_REGION", "x"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/canary")], "neither https"),
        ("{type: openai_compatible, base_url: \"http://a\", auth: sigv4}", &[("AWS_REGION", "x")], "takes no signatures"),
        ("{type: azure_cloud, base_url: \"http://a\", entra: {client_secret: canary}}", &[], "`tenant_id` is missing"),
        ("{type: azure_cloud, base_url: \"http://a\", entra: {tenant_id: \"a/b\"}}", &[], "this is no id"),
        ("{type: azure_cloud, base_url: \"http://a\", entra: {tenant_id: t}}", &[], "`client_secret` is missing"),
        ("{type: vertex, auth: google, api_key: canary}", &env[..], "the `api_key` would not be used"),
        ("{type: vertex}", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")], "which GOOGLE_APPLICATION_CREDENTIALS names"),
    ] {
        let error = provider(text, env).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert!(error.contains(said) && !error.contains("canary"), "{text}: {error}");
    }
}

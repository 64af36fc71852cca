use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

fn at(unix: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix)
}

fn built(file: &Value) -> Built {
    source(&GoogleAuth::File(Secret::new(file.to_string()))).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(built: &Built, got: &[&str]) -> Ask {
    match step(built, got) {
        Step::Ask(ask) => ask,
        _ => panic!("nothing is asked"),
    }
}

fn step(built: &Built, got: &[&str]) -> Step {
    let got: Vec<Vec<u8>> = got.iter().map(|text| text.as_bytes().to_vec()).collect();
    built.source.step(&got, at(1000)).unwrap()
}

fn token(built: &Built, got: &[&str]) -> (String, Option<u64>) {
    match step(built, got) {
        Step::Done(granted) => (granted.grant.exposed().to_owned(), granted.lasts.map(|lasts| lasts.as_secs())),
        _ => panic!("it is not done"),
    }
}

fn fields(ask: &Ask) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    ask.body.expose().split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn field(ask: &Ask, name: &str) -> String {
    fields(ask).into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
}

#[test]
fn a_service_account_signs_what_it_asks_for() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let built = built(&json!({"type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": pem,
        "client_email": "a@p.iam.gserviceaccount.com", "token_uri": "http://127.0.0.1:1/token", "quota_project_id": "q"}));
    assert_eq!(built.quota_project.as_deref(), Some("q"));
    let ask = ask(&built, &[]);
    assert_eq!((ask.method.as_str(), ask.url.as_str()), ("POST", "http://127.0.0.1:1/token"));
    assert_eq!(field(&ask, "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let statement = field(&ask, "assertion");
    let (said, signature) = statement.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
    public.verify(said.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let (header, claims) = said.split_once('.').unwrap();
    let read = |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    assert_eq!(read(header), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(
        read(claims),
        json!({"iss": "a@p.iam.gserviceaccount.com", "scope": SCOPE, "aud": "http://127.0.0.1:1/token", "iat": 1000, "exp": 4600})
    );
    assert_eq!(token(&built, &[r#"{"access_token":"ya29","expires_in":3599}"#]), ("ya29".into(), Some(3599)));
}

#[test]
fn a_users_refresh_token_is_posted() {
    let built = built(&json!({"type": "authorized_user", "client_id": "c", "client_secret": "s&", "refresh_token": "1//r"}));
    let ask = ask(&built, &[]);
    assert_eq!(ask.url, TOKEN_URI);
    assert!(ask.body.expose().contains("client_secret=s%26"));
    assert_eq!(field(&ask, "refresh_token"), "1//r");
    assert_eq!(token(&built, &[r#"{"access_token":"ya29","expires_in":60}"#]), ("ya29".into(), Some(60)));
}

#[test]
fn the_metadata_server_is_asked_in_its_own_way() {
    let built = source(&GoogleAuth::Metadata("metadata.google.internal".into())).unwrap();
    let ask = ask(&built, &[]);
    assert_eq!(
        ask.url,
        format!("http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token?scopes={SCOPE}")
    );
    assert!(ask.headers.iter().any(|(name, value)| name == "metadata-flavor" && value == "Google"));
}

#[test]
fn a_token_of_another_provider_is_exchanged_and_then_impersonates() {
    let file = json!({"type": "external_account", "audience": "//iam/x", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "service_account_impersonation_url": "https://iam/x:generateAccessToken",
        "credential_source": {"file": "/var/run/token", "format": {"type": "json", "subject_token_field_name": "jwt"}}});
    let built = built(&file);
    assert!(matches!(step(&built, &[]), Step::Read(path) if path.ends_with("token")));
    let (subject, exchanged) = (r#"{"jwt":"subject"}"#, r#"{"access_token":"sts","expires_in":3600}"#);
    let exchange = ask(&built, &[subject]);
    assert_eq!((exchange.url.as_str(), field(&exchange, "subject_token").as_str()), ("https://sts.googleapis.com/v1/token", "subject"));
    let impersonate = ask(&built, &[subject, exchanged]);
    assert_eq!(impersonate.url, "https://iam/x:generateAccessToken");
    assert!(impersonate.headers.iter().any(|(name, value)| name == "authorization" && value == "Bearer sts"));
    let answer = r#"{"accessToken":"ya29","expireTime":"1970-01-01T00:20:00Z"}"#;
    assert_eq!(token(&built, &[subject, exchanged, answer]), ("ya29".into(), Some(200)));
}

#[test]
fn a_subject_token_may_be_at_a_url() {
    let file = json!({"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": "https://sts/t",
        "credential_source": {"url": "http://127.0.0.1:9/id", "headers": {"Metadata": "True"}}});
    let built = built(&file);
    let found = ask(&built, &[]);
    assert!(found.url.ends_with("/id") && found.headers.iter().any(|(name, value)| name == "metadata" && value == "True"));
    assert_eq!(field(&ask(&built, &["subject\n"]), "subject_token"), "subject");
    let no_source = file.as_object().unwrap().clone();
    let mut no_source = Value::Object(no_source);
    no_source["credential_source"] = json!({});
    assert!(source(&GoogleAuth::File(Secret::new(no_source.to_string()))).is_err());
}

#[test]
fn a_wrong_file_is_told_without_its_content() {
    for text in [
        "",
        "canary",
        r#"{"type":"canary"}"#,
        r#"{"type":"service_account","client_email":"canary"}"#,
        r#"{"type":"service_account","client_email":"canary","private_key":"canary"}"#,
    ] {
        let error = source(&GoogleAuth::File(Secret::new(text))).err().unwrap();
        assert!(error.contains("Google credentials file") && !error.contains("canary"), "{error}");
    }
}

//! Google Cloud: its credentials files, its metadata server, and Vertex AI.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::sidecar::{Setting, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, within};
use crate::{credentials, file, generated, keeps_secrets, request, token};

fn provider(vendor: &Upstream, more: &str) -> String {
    format!("providers:\n  vendor: {{type: vertex, base_url: \"http://{}\", retry: {{attempts: 1}}{more}}}\n", vendor.address)
}

fn set(env: &[(&str, &str)]) -> Setting {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Setting { env, ..Setting::default() }
}

/// A service account whose token server is this one.
fn service_account(tokens: &Upstream) -> Value {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    json!({"type": "service_account", "project_id": "own-project", "private_key": pem, "client_email": "a@b",
        "token_uri": format!("http://{}/token", tokens.address), "quota_project_id": "payer"})
}

#[tokio::test]
async fn a_service_account_is_all_that_is_needed() {
    let (vendor, tokens) = (Upstream::start().await, Upstream::start().await);
    tokens.always(token("t-canary", 3600));
    vendor.always(generated());
    let (_folder, name) = file(&service_account(&tokens).to_string());
    let sidecar = Sidecar::start_in(&provider(&vendor, ""), &set(&[("GOOGLE_APPLICATION_CREDENTIALS", &name)])).await;
    assert_eq!(sidecar.chat(&request("vendor/gemini-2.5-flash")).await.status(), 200);
    let asked = tokens.requests().remove(0);
    assert!(
        String::from_utf8_lossy(&asked.body).contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant%2Dtype%3Ajwt%2Dbearer&assertion=ey")
    );
    let seen = vendor.requests().remove(0);
    assert_eq!(seen.path, "/v1/projects/own-project/locations/global/publishers/google/models/gemini-2.5-flash:generateContent");
    assert_eq!((seen.header("authorization"), seen.header("x-goog-user-project")), (Some("Bearer t-canary"), Some("payer")));
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn the_metadata_server_stands_in_where_there_is_no_file() {
    let (vendor, metadata) = (Upstream::start().await, Upstream::start().await);
    metadata.always(token("t", 3600));
    vendor.always(generated());
    let env = [("GCE_METADATA_HOST", metadata.address.to_string()), ("GOOGLE_CLOUD_PROJECT", "p".into()), ("CLOUD_ML_REGION", "us".into())];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sidecar = Sidecar::start_in(&provider(&vendor, ""), &set(&env)).await;
    assert_eq!(sidecar.chat(&request("vendor/gemini-x")).await.status(), 200);
    assert_eq!(metadata.requests()[0].header("metadata-flavor"), Some("Google"));
    assert!(vendor.requests()[0].path.starts_with("/v1/projects/p/locations/us/publishers/google/"));
    assert_eq!(credentials(&vendor), ["Bearer t"]);
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_every_exchange() {
    let (vendor, sts) = (Upstream::start().await, Upstream::start().await);
    let (_subjects, subject) = file("first-canary");
    let external = json!({"type": "external_account", "audience": "a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("http://{}/v1/token", sts.address), "credential_source": {"file": subject}});
    let (_folder, name) = file(&external.to_string());
    sts.script(token("one", 4));
    sts.always(token("two", 3600));
    vendor.always(generated());
    let more = format!(", project: p, google: {{credentials_file: {name}}}");
    let sidecar = Sidecar::start(&provider(&vendor, &more)).await;
    assert_eq!(sidecar.chat(&request("vendor/gemini-x")).await.status(), 200);
    std::fs::write(&subject, "second-canary").unwrap();
    within("the second exchange", async {
        while sts.count() < 2 {
            assert_eq!(sidecar.chat(&request("vendor/gemini-x")).await.status(), 200);
        }
    })
    .await;
    let sent: Vec<String> = sts.requests().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect();
    assert!(sent[0].contains("subject_token=first%2Dcanary") && sent[1].contains("subject_token=second%2Dcanary"), "{sent:?}");
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn claude_models_are_asked_in_their_own_dialect() {
    let (vendor, tokens) = (Upstream::start().await, Upstream::start().await);
    tokens.always(token("t", 3600));
    let (_folder, name) = file(&service_account(&tokens).to_string());
    let more = format!(", project: p, location: europe-west1, google: {{credentials_file: {name}}}");
    let sidecar = Sidecar::start(&provider(&vendor, &more)).await;
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 2}});
    let root = "/v1/projects/p/locations/europe-west1/publishers/anthropic/models";

    vendor.script(Script::json(200, &message));
    let answer = sidecar.chat(&request("vendor/claude-sonnet-4-5@20250929")).await;
    assert_eq!((answer.status(), &answer.json()["choices"][0]["message"]["content"]), (200, &json!("hello")));

    vendor.script(Script::sse().chunk(chat::messages_stream(&["hello"])).end());
    let body = json!({"model": "vendor/claude-x", "stream": true, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", "x-2025")];
    let answer = sidecar.post_with("/v1/messages", &headers, &body).await;
    assert!(answer.text().contains("message_stop"), "{}", answer.text());

    vendor.script(Script::json(200, &json!({"input_tokens": 7})));
    let body = json!({"model": "vendor/claude-x", "messages": [{"role": "user", "content": "hi"}]});
    let answer = sidecar.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(answer.json(), json!({"input_tokens": 7}));

    let seen = vendor.requests();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    let verbs = ["claude-sonnet-4-5@20250929:rawPredict", "claude-x:streamRawPredict", "count-tokens:rawPredict"];
    assert_eq!(paths, verbs.map(|verb| format!("{root}/{verb}")));
    for (seen, model) in seen.iter().zip([None, None, Some("claude-x")]) {
        let body = seen.json();
        assert_eq!((body["model"].as_str(), &body["anthropic_version"]), (model, &json!("vertex-2023-10-16")));
        assert_eq!((seen.header("anthropic-version"), seen.header("authorization")), (None, Some("Bearer t")));
    }
    assert_eq!(seen[1].header("anthropic-beta"), Some("x-2025"));
}

#[tokio::test]
async fn a_key_alone_is_the_express_mode() {
    let vendor = Upstream::start().await;
    vendor.always(generated());
    let sidecar = Sidecar::start(&provider(&vendor, ", api_key: k-canary")).await;
    assert_eq!(sidecar.chat(&request("vendor/gemini-x")).await.status(), 200);
    let seen = vendor.requests().remove(0);
    assert_eq!(seen.path, "/v1/publishers/google/models/gemini-x:generateContent");
    assert_eq!((seen.header("x-goog-api-key"), seen.header("authorization")), (Some("k-canary"), None));
}

#[tokio::test]
async fn the_publishers_models_are_listed() {
    let (vendor, metadata) = (Upstream::start().await, Upstream::start().await);
    metadata.always(token("t", 3600));
    vendor.always(Script::json(200, &json!({"publisherModels": [{"name": "publishers/google/models/gemini-x"}]})));
    let more = format!(", project: p, google: {{metadata_host: \"{}\"}}", metadata.address);
    let sidecar = Sidecar::start(&provider(&vendor, &more)).await;
    let mut client = sidecar.connect().await;
    let answer = client.get("/v1/models").await;
    assert_eq!(answer.json()["data"][0]["id"], "vendor/gemini-x", "{}", answer.text());
    assert_eq!(vendor.requests()[0].path, "/v1beta1/publishers/google/models?pageSize=1000");
    assert_eq!(credentials(&vendor), ["Bearer t"]);
}

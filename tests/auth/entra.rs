//! Microsoft Entra's tokens for Azure OpenAI.

use serde_json::json;

use crate::support::sidecar::{Setting, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, within};
use crate::{credentials, file, keeps_secrets, request, token};

async fn start(vendor: &Upstream, more: &str, env: &[(&str, String)]) -> Sidecar {
    vendor.always(Script::json(200, &chat::completion("hello")));
    let config = format!("providers:\n  vendor: {{type: azure, base_url: \"http://{}\", retry: {{attempts: 1}}{more}}}\n", vendor.address);
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Sidecar::start_in(&config, &Setting { env, ..Setting::default() }).await
}

fn authority(upstream: &Upstream) -> String {
    format!("http://{}", upstream.address)
}

#[tokio::test]
async fn an_application_shows_its_secret() {
    let (vendor, entra) = (Upstream::start().await, Upstream::start().await);
    entra.always(token("t-canary", 3600));
    let more = format!(
        ", entra: {{tenant_id: my-tenant, client_id: my-client, client_secret: \"${{SECRET}}\", authority: \"{}\"}}",
        authority(&entra)
    );
    let sidecar = start(&vendor, &more, &[("SECRET", "s-canary".to_owned())]).await;
    let all = futures_util::future::join_all((0..50).map(|_| async { sidecar.chat(&request("vendor/gpt-4o")).await.status() })).await;
    assert_eq!((all, entra.count()), (vec![200; 50], 1));
    let asked = entra.requests().remove(0);
    assert_eq!(asked.path, "/my-tenant/oauth2/v2.0/token");
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(body.contains("scope=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom%2F%2Edefault&client_secret=s%2Dcanary"), "{body}");
    let seen = vendor.requests().remove(0);
    assert_eq!((seen.header("authorization"), seen.header("api-key")), (Some("Bearer t-canary"), None));
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn a_federated_token_is_read_anew_each_time() {
    let (vendor, entra) = (Upstream::start().await, Upstream::start().await);
    let (_folder, federated) = file("first-canary");
    entra.script(token("one", 4));
    entra.always(token("two", 3600));
    let env = [
        ("AZURE_TENANT_ID", "t".to_owned()),
        ("AZURE_CLIENT_ID", "c".to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", federated.clone()),
        ("AZURE_AUTHORITY_HOST", authority(&entra) + "/"),
    ];
    let sidecar = start(&vendor, "", &env).await;
    assert_eq!(sidecar.chat(&request("vendor/gpt-4o")).await.status(), 200);
    std::fs::write(&federated, "second-canary").unwrap();
    within("the second token", async {
        while credentials(&vendor).last().unwrap() != "Bearer two" {
            assert_eq!(sidecar.chat(&request("vendor/gpt-4o")).await.status(), 200);
        }
    })
    .await;
    let asked: Vec<String> = entra.requests().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect();
    assert!(asked[0].ends_with("client_assertion=first%2Dcanary") && asked[1].ends_with("client_assertion=second%2Dcanary"), "{asked:?}");
}

#[tokio::test]
async fn a_machines_and_a_services_identity_need_no_secret() {
    let (vendor, metadata) = (Upstream::start().await, Upstream::start().await);
    metadata.always(Script::json(200, &json!({"access_token": "t", "expires_in": "3599", "expires_on": "9999999999"})));
    let machine = start(&vendor, ", auth: entra", &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", authority(&metadata))]).await;
    assert_eq!(machine.chat(&request("vendor/gpt-4o")).await.status(), 200);
    let env = [("IDENTITY_ENDPOINT", authority(&metadata) + "/msi"), ("IDENTITY_HEADER", "h-canary".to_owned())];
    let service = start(&vendor, "", &env).await;
    assert_eq!(service.chat(&request("vendor/gpt-4o")).await.status(), 200);
    let [machines, services] = &metadata.requests()[..] else { panic!() };
    assert!(machines.path.starts_with("/metadata/identity/oauth2/token?api-version=2018-02-01&resource="));
    assert_eq!(machines.header("metadata"), Some("true"));
    assert!(services.path.starts_with("/msi?api-version=2019-08-01&resource="));
    assert_eq!(services.header("x-identity-header"), Some("h-canary"));
    assert_eq!(credentials(&vendor), ["Bearer t", "Bearer t"]);
}

#[tokio::test]
async fn a_wrong_secret_is_told_of_without_it() {
    let (vendor, entra) = (Upstream::start().await, Upstream::start().await);
    let error =
        json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret s-canary", "error_codes": [7000215]});
    entra.always(Script::json(401, &error));
    let more = format!(", entra: {{tenant_id: t, client_id: c, client_secret: \"${{SECRET}}\", authority: \"{}\"}}", authority(&entra));
    let sidecar = start(&vendor, &more, &[("SECRET", "s-canary".to_owned())]).await;
    let answer = sidecar.chat(&request("vendor/gpt-4o")).await;
    assert_eq!((answer.status(), &answer.json()["error"]["code"]), (502, &json!("upstream_auth_failed")));
    assert!(answer.text().contains("invalid_client"));
    keeps_secrets(&sidecar, &[answer.text()]);
}

//! Who reaches the admin API, and what they cannot make of it.

use std::process::Command;

use serde_json::json;

use crate::support::chat;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{admin, ask, config, provider, setting, start};

const PROVIDERS: &str = "/api/v1/llm/providers";

/// Sends this head to the admin listener.
async fn head(sidecar: &Sidecar, line: &str, headers: &str) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    client.send(format!("{line} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: 0\r\n\r\n", sidecar.admin)).await;
    client.answer().await
}

#[tokio::test]
async fn s06_what_is_asked_never_becomes_a_statement() {
    let upstream = Upstream::start().await;
    let sidecar = start("").await;
    assert_eq!(admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await.status(), 201);
    let corpus = [
        "' OR '1'='1",
        "'; DROP TABLE llm_sidecar_records; --",
        "\" OR 1=1 --",
        "1); DELETE FROM llm_sidecar_audit; --",
        "' UNION SELECT body FROM llm_sidecar_records --",
        "\\'; DROP TABLE llm_sidecar_audit; --",
        "%' OR name LIKE '%",
        "$1; SELECT 1",
        "?1 OR 1=1",
        "/**/OR/**/1=1",
        "'||(SELECT body FROM llm_sidecar_records)||'",
    ];
    for text in corpus {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("{PROVIDERS}?q={escaped}"),
            format!("{PROVIDERS}?cursor={escaped}"),
            format!("{PROVIDERS}/{escaped}"),
            format!("/api/v1/audit?before={escaped}"),
            format!("/api/v1/audit?format={escaped}"),
        ] {
            let answer = admin(&sidecar, "GET", &path, None).await;
            assert!(answer.status() < 500, "{path}: {}", answer.text());
            assert!(!answer.text().contains("\"name\":\"vendor\"") || path.contains("cursor="), "{path}: {}", answer.text());
        }
        let made = admin(&sidecar, "POST", PROVIDERS, Some(&json!({"name": text, "provider_type": "openai"}))).await;
        assert_eq!(made.status(), 400, "{}", made.text());
        let made =
            admin(&sidecar, "POST", "/api/v1/llm/models", Some(&json!({"name": "m", "parameters": {"note": text}, "model_type": text})))
                .await;
        assert_eq!(made.status(), 400, "{}", made.text());
    }
    assert_eq!(admin(&sidecar, "GET", PROVIDERS, None).await.json()["total"], 1);
    assert!(verifies(&sidecar));
    // Before anybody is let in, too; few enough not to have to wait.
    for text in corpus.iter().take(4) {
        assert_eq!(ask(&sidecar, text, "GET", PROVIDERS, "", None).await.status(), 401);
    }
    assert_eq!(admin(&sidecar, "GET", PROVIDERS, None).await.json()["total"], 1);
}

/// Whether `audit verify` finds the trail whole.
fn verifies(sidecar: &Sidecar) -> bool {
    let path = sidecar.config_path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"));
    command.args(["audit", "verify", "--config"]).arg(path).current_dir(sidecar.directory()).env_clear().envs(setting().env);
    command.output().unwrap().status.success()
}

#[tokio::test]
async fn s18_an_edit_of_the_trail_is_found() {
    let upstream = Upstream::start().await;
    let sidecar = start("").await;
    for name in ["a", "b", "c"] {
        assert_eq!(admin(&sidecar, "POST", PROVIDERS, Some(&provider(name, &upstream))).await.status(), 201);
    }
    let entry = admin(&sidecar, "GET", "/api/v1/audit", None).await.json()["data"][0].clone();
    for member in ["actor", "address", "request_id", "action", "target"] {
        assert!(entry[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {entry}");
    }
    assert!(verifies(&sidecar));
    let store = rusqlite::Connection::open(sidecar.directory().join("store.db")).unwrap();
    let edited = store.execute("UPDATE llm_sidecar_audit SET actor = 'somebody else' WHERE seq = 2", []).unwrap();
    assert_eq!(edited, 1);
    assert!(!verifies(&sidecar));
}

#[tokio::test]
async fn s09_a_name_that_leads_inside_is_not_connected_to() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let yaml = config("{type: sqlite, path: store.db}", "");
    let wide = yaml.replace("['http://127.0.0.1:*']", "['http://localhost:*']");
    let sidecar = Sidecar::start_in(&wide, &setting()).await;
    let mut body = provider("vendor", &upstream);
    body["config"]["base_url"] = format!("http://localhost:{}/v1", upstream.address.port()).into();
    assert_eq!(admin(&sidecar, "POST", PROVIDERS, Some(&body)).await.status(), 201);
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    assert_eq!(sidecar.chat(&request).await.status(), 200);
    let before = upstream.record().connections;
    // From now on the name is one of those that have to lead to the Internet. It does not.
    sidecar.edit_by_rename(&yaml);
    assert_eq!(admin(&sidecar, "POST", "/api/v1/config/reload", None).await.status(), 200);
    let refused = sidecar.chat(&request).await;
    refused.assert_error(502, "upstream_error", "upstream_not_allowed");
    assert!(!refused.text().contains("localhost"), "{}", refused.text());
    assert_eq!(admin(&sidecar, "POST", "/api/v1/llm/providers/vendor/sync-models", None).await.status(), 424);
    assert_eq!(upstream.record().connections, before);
}

#[tokio::test]
async fn s16_without_tokens_the_api_is_closed() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for path in ["/api/v1/config", "/api/v1/llm/providers", "/api/v1/audit", "/api/v1/limits", "/api/v1/openapi.json"] {
        for headers in ["", "authorization: Bearer \r\n", "authorization: Bearer admin\r\n", "authorization: Bearer null\r\n"] {
            let answer = head(&sidecar, &format!("GET {path}"), headers).await;
            assert_eq!((answer.status(), &answer.json()["error"]["code"]), (403, &json!("admin_closed")), "{path}: {}", answer.text());
        }
    }
    assert_eq!(head(&sidecar, "GET /livez", "").await.status(), 200);
    assert!(sidecar.admin.ip().is_loopback());
}

#[tokio::test]
async fn s19_of_a_thousand_guesses_five_are_checked() {
    let sidecar = start("").await;
    let (mut checked, mut bodies) = (0, std::collections::BTreeSet::new());
    for guess in 0..1000 {
        let answer = ask(&sidecar, &format!("{guess}-token"), "GET", "/api/v1/config", "", None).await;
        match answer.status() {
            401 => {
                checked += 1;
                let body = answer.json();
                bodies.insert((body["error"].to_string(), body["detail"].to_string()));
            }
            429 => assert!(answer.head.header("retry-after").is_some()),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    // On a slow machine one is forgiven every twelve seconds.
    assert!((5..=8).contains(&checked), "{checked}");
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn s20_a_page_of_another_site_gets_nothing() {
    let sidecar = start("").await;
    let token = "authorization: Bearer admin-token\r\n";
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"] {
        let from = format!("origin: {origin}\r\n");
        let preflight = head(&sidecar, "OPTIONS /api/v1/llm/providers", &format!("{from}access-control-request-method: POST\r\n")).await;
        assert!(preflight.status() >= 400, "{}", preflight.text());
        let read = head(&sidecar, "GET /api/v1/llm/providers", &format!("{from}{token}")).await;
        assert_eq!((read.status(), &read.json()["error"]["code"]), (403, &json!("foreign_origin")), "{origin}: {}", read.text());
        for answer in [preflight, read] {
            assert!(!answer.head.names().any(|name| name.starts_with("access-control-") || name == "set-cookie"), "{:?}", answer.head);
        }
    }
    let own = format!("origin: http://{}\r\n{token}", sidecar.admin);
    assert_eq!(head(&sidecar, "GET /api/v1/llm/providers", &own).await.status(), 200);
    // What a form of another page could send without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let mut client = Client::connect(sidecar.admin).await;
        client.send(format!("POST {PROVIDERS} HTTP/1.1\r\nhost: x\r\n{token}content-type: {kind}\r\ncontent-length: 2\r\n\r\n{{}}")).await;
        assert_eq!(client.answer().await.status(), 415, "{kind}");
    }
    let cookie = head(&sidecar, "GET /api/v1/llm/providers", "cookie: token=admin-token; session=admin-token\r\n").await;
    assert_eq!(cookie.status(), 401);
}

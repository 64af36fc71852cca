//! Providers, models and clients are made, changed and deleted, and requests go there.

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::upstream::{Script, Upstream};
use crate::{CANARY, admin, ask, provider, start};

const PROVIDERS: &str = "/api/v1/llm/providers";

#[tokio::test]
async fn a_provider_is_made_used_changed_and_deleted() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = start("").await;
    let mut outputs = String::new();
    let made = admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!((&made.json()["config"]["api_key"], &made.json()["status"]["key_set"]), (&json!("***"), &json!(true)));
    let tag = made.head.header("etag").unwrap().to_owned();
    outputs += &made.text();

    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    assert_eq!(sidecar.chat(&request).await.status(), 200);
    assert_eq!(upstream.requests().pop().unwrap().header("authorization"), Some(format!("Bearer {CANARY}").as_str()));

    // The same again changes nothing; masked or plain.
    let one = format!("{PROVIDERS}/vendor");
    for body in [provider("vendor", &upstream), made.json()] {
        let again = admin(&sidecar, "PUT", &one, Some(&body)).await;
        assert_eq!((again.status(), again.head.header("etag")), (200, Some(tag.as_str())), "{}", again.text());
    }
    let patch = json!({"config": {"organization": "org-1"}});
    let dry = admin(&sidecar, "PATCH", &format!("{one}?dry_run=true"), Some(&patch)).await.json();
    assert_eq!(dry["diff"], json!([{"op": "add", "path": "/config/organization", "after": "org-1"}]));
    assert_eq!(admin(&sidecar, "GET", &one, None).await.head.header("etag"), Some(tag.as_str()));
    let patched = ask(&sidecar, "admin-token", "PATCH", &one, &format!("if-match: {tag}\r\n"), Some(&patch)).await;
    assert_eq!((patched.status(), &patched.json()["config"]["organization"]), (200, &json!("org-1")));
    let stale = ask(&sidecar, "admin-token", "PATCH", &one, &format!("if-match: {tag}\r\n"), Some(&patch)).await;
    assert_eq!((stale.status(), &stale.json()["error"]["code"]), (409, &json!("config_changed")));
    assert_eq!(sidecar.chat(&request).await.status(), 200);

    // A model that stands for it, which then holds on to it.
    let alias = json!({"name": "fast", "config": {"targets": [{"provider": "vendor", "model": "m"}]}});
    assert_eq!(admin(&sidecar, "POST", "/api/v1/llm/models", Some(&alias)).await.status(), 201);
    request["model"] = "fast".into();
    assert_eq!(sidecar.chat(&request).await.status(), 200);
    let held = admin(&sidecar, "DELETE", &one, None).await;
    assert_eq!((held.status(), &held.json()["error"]["code"]), (409, &json!("in_use")), "{}", held.text());
    let off = admin(&sidecar, "PATCH", "/api/v1/llm/models/fast", Some(&json!({"is_active": false}))).await;
    assert_eq!(off.status(), 200, "{}", off.text());
    assert_eq!(sidecar.chat(&request).await.status(), 404);
    assert_eq!(admin(&sidecar, "DELETE", "/api/v1/llm/models/fast", None).await.status(), 200);
    assert_eq!(admin(&sidecar, "DELETE", &one, None).await.status(), 200);
    assert_eq!(admin(&sidecar, "GET", &one, None).await.status(), 404);

    let audit = admin(&sidecar, "GET", "/api/v1/audit", None).await;
    let acts: Vec<String> =
        audit.json()["data"].as_array().unwrap().iter().rev().map(|e| e["action"].as_str().unwrap().to_owned()).collect();
    let wanted =
        ["provider.create", "provider.update", "refused", "model.create", "refused", "model.update", "model.delete", "provider.delete"];
    assert_eq!(acts, wanted);
    outputs += &audit.text();
    outputs += &admin(&sidecar, "GET", "/api/v1/config", None).await.text();
    outputs += &sidecar.log().join("\n");
    outputs += &String::from_utf8_lossy(&std::fs::read(sidecar.directory().join("store.db")).unwrap());
    outputs += &String::from_utf8_lossy(&std::fs::read(sidecar.directory().join("store.db-wal")).unwrap_or_default());
    outputs += &sidecar.metrics().await;
    assert!(!outputs.contains(CANARY) && !outputs.contains(&CANARY[..20]));
}

#[tokio::test]
async fn bad_input_is_named_and_noted() {
    let upstream = Upstream::start().await;
    let sidecar = start("providers:\n  filed: {type: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}\n").await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = provider("new", &upstream);
        change(&mut body);
        body
    };
    for (body, status, code, param) in [
        (with(&|body| body["role"] = "admin".into()), 403, "rights_not_given", "role"),
        (with(&|body| body["rank"] = "admin".into()), 400, "unknown_parameter", "rank"),
        (with(&|body| body["config"]["tls"] = json!({"ca": "/etc/passwd"})), 400, "unknown_parameter", "config.tls"),
        (with(&|body| body["config"]["base_url"] = "http://127.0.0.2".into()), 422, "url_not_allowed", "config.base_url"),
        (with(&|body| body["config"]["base_url"] = "https://169.254.169.254/".into()), 422, "url_not_allowed", "config.base_url"),
        (with(&|body| body["provider_type"] = "opnai".into()), 422, "invalid_config", "provider_type"),
        (with(&|body| body["config"]["timeout"] = json!({"idle": "soon"})), 422, "invalid_config", "config.timeout.idle"),
        (with(&|body| body["is_active"] = "yes".into()), 400, "invalid_type", "is_active"),
        (with(&|body| body["name"] = "a/b".into()), 400, "invalid_value", "name"),
        (with(&|body| body["name"] = "filed".into()), 409, "declared_in_file", "name"),
        (with(&|body| body["config"]["api_key"] = "***".into()), 422, "invalid_value", "config.api_key"),
    ] {
        let answer = admin(&sidecar, "POST", PROVIDERS, Some(&body)).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status(), error["code"].as_str(), error["param"].as_str()), (status, Some(code), Some(param)), "{error}");
        assert_eq!(answer.head.header("content-type"), Some("application/problem+json"));
        assert!(!answer.text().contains("canary"));
    }
    let filed = admin(&sidecar, "GET", &format!("{PROVIDERS}/filed"), None).await.json();
    assert!(filed["status"]["declared_at"].as_str().unwrap().contains("config.yaml:"), "{filed}");
    let mut garbage = crate::support::client::Client::connect(sidecar.admin).await;
    garbage
        .send("POST /api/v1/llm/providers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin-token\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{")
        .await;
    assert_eq!(garbage.answer().await.json()["error"]["code"], "invalid_json");
    assert_eq!(ask(&sidecar, "viewer-token", "DELETE", &format!("{PROVIDERS}/x"), "", None).await.status(), 403);
    let refused = admin(&sidecar, "GET", "/api/v1/audit?limit=1000", None).await.json();
    assert_eq!(refused["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "refused").count(), 13);
}

#[tokio::test]
async fn clients_keys_are_shown_once_and_revoked_at_once() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = start("").await;
    admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    assert_eq!(sidecar.chat(&request).await.status(), 200);
    let made = admin(&sidecar, "POST", "/api/v1/clients", Some(&json!({"name": "team", "config": {"models": ["vendor/*"]}}))).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let status = async |key: &str| {
        sidecar.post_with("/v1/chat/completions", &[("authorization", &format!("Bearer {key}"))], &request).await.status()
    };
    assert_eq!((sidecar.chat(&request).await.status(), status(&key).await), (401, 200));
    let shown = admin(&sidecar, "GET", "/api/v1/clients/team", None).await;
    assert!(!shown.text().contains(&key) && !shown.text().contains("sha256"));
    let id = shown.json()["status"]["keys"][0]["id"].as_str().unwrap().to_owned();
    let other = admin(&sidecar, "POST", "/api/v1/clients/team/keys", None).await.json();
    assert_eq!(status(other["key"].as_str().unwrap()).await, 200);
    assert_eq!(admin(&sidecar, "DELETE", &format!("/api/v1/clients/team/keys/{id}"), None).await.status(), 200);
    assert_eq!((status(&key).await, status(other["key"].as_str().unwrap()).await), (401, 200));
    let off = admin(&sidecar, "PATCH", "/api/v1/clients/team", Some(&json!({"is_active": false}))).await;
    assert_eq!((off.status(), status(other["key"].as_str().unwrap()).await, sidecar.chat(&request).await.status()), (200, 401, 401));
    assert!(!sidecar.log().join("\n").contains(&key));
}

#[tokio::test]
async fn a_test_tells_what_a_provider_can_do_and_a_sync_what_it_has() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = start("clients: [{name: a, key: client-key-1}]\n").await;
    admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    let tested = ask(&sidecar, "operator-token", "POST", &format!("{PROVIDERS}/vendor/test"), "", None).await;
    assert_eq!(tested.status(), 200, "{}", tested.text());
    let found = &tested.json()["capabilities"];
    assert_eq!(
        (&found["chat"]["ok"], &found["tools"]["ok"], &found["embeddings"]["ok"]),
        (&json!(true), &json!(false), &Value::Null),
        "{found}"
    );
    let shown = admin(&sidecar, "GET", &format!("{PROVIDERS}/vendor"), None).await.json();
    assert_eq!(shown["status"]["test"]["capabilities"], *found);

    for (models, added, vanished) in [(["a", "b"], json!(["a", "b"]), json!([])), (["b", "c"], json!(["c"]), json!(["a"]))] {
        upstream.script(Script::json(200, &json!({"object": "list", "data": models.map(|id| json!({"id": id, "object": "model"}))})));
        let synced = ask(&sidecar, "operator-token", "POST", &format!("{PROVIDERS}/vendor/sync-models"), "", None).await.json();
        assert_eq!((&synced["added"], &synced["vanished"]), (&added, &vanished), "{synced}");
    }
    let shown = admin(&sidecar, "GET", &format!("{PROVIDERS}/vendor"), None).await.json();
    assert_eq!(shown["config"]["models"], json!(["m"]));
}

#[tokio::test]
async fn without_a_store_or_a_key_nothing_is_kept() {
    let upstream = Upstream::start().await;
    let bare = "providers: {a: {type: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}}\n";
    let sidecar = crate::support::sidecar::Sidecar::start_in(&crate::config("{type: none}", bare), &crate::setting()).await;
    let made = admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    assert_eq!((made.status(), &made.json()["error"]["code"]), (409, &json!("no_store")));
    let listed = admin(&sidecar, "GET", &format!("{PROVIDERS}?source=file&limit=1"), None).await.json();
    assert_eq!((&listed["total"], &listed["data"][0]["name"]), (&json!(1), &json!("a")));
    let yaml = crate::config("{type: sqlite, path: store.db}", bare).replace("secrets: {kek: {env: KEK}}\n", "");
    let sidecar = crate::support::sidecar::Sidecar::start(&yaml).await;
    let made = admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    assert_eq!((made.status(), &made.json()["error"]["code"]), (422, &json!("no_encryption_key")));
}

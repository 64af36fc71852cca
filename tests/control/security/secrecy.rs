//! Keys and prompts are told to nobody but the vendor they are for.

use std::fs;

use base64::Engine;
use serde_json::{Value, json};

use super::outputs;
use crate::support::chat;
use crate::support::sidecar::{Setting, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::{KEK, admin, ask, config, provider, start};

/// Escaped it looks different, and the first eight characters are nowhere else. One for each place a key may come from.
const STORED: &str = "zq7Kx9Vw/stored+canary=/0";
const OF_ENV: &str = "yr8Lw0Ux/of+env+canary=/1";
const OF_FILE: &str = "xs9Mv1Ty/of+file+canary=/2";
const OF_CLIENT: &str = "wt0Nu2Sz/of+client+canary=/3";
const PROMPT: &str = "vu1Ot3Ra a prompt that nobody else may read";

/// All forms a secret could come out in.
fn forms(secret: &str) -> Vec<String> {
    let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
    let escaped = secret.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    vec![secret.to_owned(), secret[..8].to_owned(), base64[..base64.len() - 4].to_owned(), escaped, secret.replace('/', "\\/")]
}

#[tokio::test]
async fn s01_and_s21_no_key_and_no_prompt_is_in_any_output() {
    let upstream = Upstream::start().await;
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("key");
    fs::write(&file, OF_FILE).unwrap();
    let url = format!("http://{}/v1", upstream.address);
    let yaml = config(
        "{type: sqlite, path: store.db}",
        &format!(
            "log: {{level: trace}}\nclients: [{{name: caller, key: '{OF_CLIENT}'}}]\nproviders:\n  \
             filed: {{type: openai_compatible, base_url: '{url}', api_keys: ['${{CANARY}}', '${{file:{}}}'], models: [m], retry: {{attempts: 2}}}}\n",
            file.display()
        ),
    );
    let env = vec![("KEK".to_owned(), KEK.to_owned()), ("CANARY".to_owned(), OF_ENV.to_owned())];
    let sidecar = Sidecar::start_in(&yaml, &Setting { env, ..Default::default() }).await;
    let mut made = provider("vendor", &upstream);
    made["config"]["api_key"] = STORED.into();
    made["config"]["headers"] = json!({"x-extra": STORED});
    let mut said = admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&made)).await.text();
    let scripts = |keys: &str| {
        // A vendor knows the keys it is sent, and none besides.
        let echo = format!("wrong key {keys}");
        [
            Script::json(200, &chat::completion("hello")),
            Script::json(401, &json!({"error": {"message": "refused", "code": "invalid_api_key"}})),
            Script::json(500, &json!({"error": {"message": "broken"}})),
            Script::answer(200, "application/json", "{\"cut\": "),
            Script::json(400, &json!({"error": {"message": echo}})),
        ]
    };
    let (of_store, of_files) = (STORED.to_owned(), format!("{OF_ENV} or {OF_FILE}"));
    for (model, keys) in [("vendor/m", &of_store), ("filed/m", &of_files), ("filed/m", &of_files), ("nowhere/m", &of_store)] {
        for script in scripts(keys) {
            upstream.always(script);
            for stream in [false, true] {
                let mut request = chat::request(stream);
                request["model"] = model.into();
                request["messages"] = json!([{"role": "user", "content": PROMPT}]);
                let headers = [("authorization", format!("Bearer {OF_CLIENT}"))];
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                said += &format!("{:?}", sidecar.post_with("/v1/chat/completions", &headers, &request).await);
                let wrong = [("authorization", "Bearer of-nobody")];
                said += &format!("{:?}", sidecar.post_with("/v1/chat/completions", &wrong, &request).await);
            }
        }
    }
    let used: Vec<String> = upstream.requests().iter().filter_map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    for key in [STORED, OF_ENV, OF_FILE] {
        assert!(used.contains(&format!("Bearer {key}")), "{key} was not used, so that nothing is shown");
    }
    said += &outputs(&sidecar).await;
    assert!(said.contains("TRACE") && said.contains("provider.create") && said.contains("llm_requests_total"));
    for secret in [STORED, OF_ENV, OF_FILE, OF_CLIENT, PROMPT] {
        for form in forms(secret) {
            let at = said.find(&form);
            let around = at.map(|at| String::from_utf8_lossy(&said.as_bytes()[at.saturating_sub(300)..said.len().min(at + 100)]));
            assert!(at.is_none(), "{form} is told: {around:?}");
        }
    }
}

#[tokio::test]
async fn s02_a_key_is_never_in_a_url() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(500, &json!({})));
    let sidecar = start("").await;
    for kind in ["gemini", "anthropic", "azure", "openai", "cohere", "mistral"] {
        let mut body = provider(kind, &upstream);
        body["provider_type"] = kind.into();
        let made = admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&body)).await;
        assert_eq!(made.status(), 201, "{kind}: {}", made.text());
        for stream in [false, true] {
            let mut request = chat::request(stream);
            request["model"] = format!("{kind}/m").into();
            sidecar.chat(&request).await;
        }
    }
    let seen = upstream.requests();
    assert!(seen.len() >= 12, "{}", seen.len());
    for request in seen {
        assert!(!request.path.contains("key=") && !request.path.contains("canary"), "{}", request.path);
    }
}

#[tokio::test]
async fn s04_every_role_is_told_only_that_there_is_a_key() {
    let upstream = Upstream::start().await;
    let sidecar =
        start("providers: {filed: {type: openai_compatible, base_url: 'http://127.0.0.1:9/v1', api_key: 'sk-canary-filed'}}\n").await;
    admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&provider("vendor", &upstream))).await;
    for token in ["admin-token", "operator-token", "viewer-token"] {
        for name in ["filed", "vendor"] {
            let shown = ask(&sidecar, token, "GET", &format!("/api/v1/llm/providers/{name}"), "", None).await;
            assert_eq!((shown.status(), &shown.json()["status"]["key_set"]), (200, &json!(true)), "{}", shown.text());
            assert!(!shown.text().contains("canary") && !shown.text().contains("enc:"), "{}", shown.text());
        }
    }
    assert_eq!(ask(&sidecar, "auditor-token", "GET", "/api/v1/llm/providers/vendor", "", None).await.status(), 403);
}

#[tokio::test]
async fn s05_keys_that_begin_alike_are_not_the_same() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let alike = "a-key-of-more-than-twenty-characters-";
    let yaml = format!(
        "clients: [{{name: one, key: {alike}1, models: [vendor/m]}}, {{name: two, key: {alike}2, models: [nothing]}}]\nproviders:\n  \
         vendor: {{type: openai_compatible, base_url: 'http://{}/v1', api_key: k, models: [m]}}\n",
        upstream.address
    );
    let sidecar = start(&yaml).await;
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    for (key, status) in [("1", 200), ("2", 403), ("3", 401), ("", 401), ("1 ", 200), ("11", 401)] {
        let headers = format!("Bearer {alike}{key}");
        let answer = sidecar.post_with("/v1/chat/completions", &[("authorization", headers.as_str())], &request).await;
        assert!(answer.status() == status || (status == 403 && answer.status() == 404), "{key}: {}", answer.text());
    }
    for token in ["admin-tokem", "admin-toke", "admin-token1"] {
        assert_eq!(ask(&sidecar, token, "GET", "/api/v1/config", "", None).await.status(), 401, "{token}");
    }
}

#[tokio::test]
async fn s22_nothing_sent_makes_a_log_line_of_its_own() {
    let sidecar =
        start("log: {level: trace}\nproviders: {a: {type: openai_compatible, base_url: 'http://127.0.0.1:9/v1', api_key: k}}\n").await;
    let forged = "x\r\n{\"message\":\"forged\"}\u{1b}[2J\u{7}\u{85}\u{2028}";
    let mut request = chat::request(false);
    request["model"] = forged.into();
    request["user"] = forged.into();
    sidecar.chat(&request).await;
    request["model"] = format!("a/{forged}").into();
    sidecar.chat(&request).await;
    for path in ["/v1/%0d%0a%7b%22message%22:%22forged%22%7d%1b[2J", "/v1/chat/completions?x=%0a%1b[2J"] {
        sidecar.post(path, &request).await;
        admin(&sidecar, "GET", path, None).await;
    }
    let named = json!({"name": forged, "provider_type": forged, "config": {forged: forged}});
    admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&named)).await;
    ask(&sidecar, "viewer-token", "DELETE", "/api/v1/llm/providers/%0a%1b[2J", "", None).await;
    sidecar.raw("GET /v1/models HTTP/1.1\r\nhost: x\r\nx-request-id: a\u{1b}[2Jb\r\n\r\n").await;
    let log = sidecar.log();
    assert!(log.len() > 5, "{log:#?}");
    for line in log {
        let read: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        assert_ne!(read["message"], "forged");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[tokio::test]
async fn s23_a_vendors_words_are_cut_and_cleaned() {
    let upstream = Upstream::start().await;
    let sidecar = start("").await;
    admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&provider("vendor", &upstream))).await;
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    for status in [400, 401, 403, 404, 422, 429, 500, 503] {
        let message =
            format!("Bearer {} at http://{}/v1: sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa {}", crate::CANARY, upstream.address, "w".repeat(100_000));
        upstream.always(Script::json(status, &json!({"error": {"message": message, "type": message, "code": message}})));
        for stream in [false, true] {
            request["stream"] = stream.into();
            let text = sidecar.chat(&request).await.text();
            assert!(text.len() < 4096, "{status}: {} bytes", text.len());
            for kept in ["canary", "127.0.0.1", "sk-proj-aaaa"] {
                assert!(!text.contains(kept), "{status}: {kept}: {text}");
            }
        }
    }
}

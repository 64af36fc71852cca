//! What holds for tokens of every kind, shown by a Google user's.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};
use crate::support::within;
use crate::{credentials, file, generated, keeps_secrets, request, token};

struct Scene {
    sidecar: Sidecar,
    vendor: Upstream,
    tokens: Upstream,
    config: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        let (vendor, tokens) = (Upstream::start().await, Upstream::start().await);
        let user = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s-canary", "refresh_token": "r-canary",
            "token_uri": format!("http://{}/token", tokens.address)});
        let (folder, name) = file(&user.to_string());
        let config = format!(
            "providers:\n  vendor: {{type: vertex, base_url: \"http://{}\", project: p, location: eu, google: {{credentials_file: {name}}}, \
             retry: {{attempts: 1}}}}\n",
            vendor.address
        );
        vendor.always(generated());
        Self { sidecar: Sidecar::start(&config).await, vendor, tokens, config, _folder: folder }
    }

    async fn chat(&self) -> Answer {
        self.sidecar.chat(&request("vendor/gemini-2.5-flash")).await
    }
}

#[tokio::test]
async fn fifty_requests_at_once_ask_for_one_token() {
    let scene = Scene::start().await;
    let gate = Gate::default();
    scene.tokens.script(Script::default().gate(&gate).and(token("t-canary", 3600)));
    let all = futures_util::future::join_all((0..50).map(|_| scene.chat()));
    let open = async {
        scene.tokens.wait_requests(1).await;
        scene.sidecar.wait_metric("llm_active_requests", 50.0).await;
        gate.open();
    };
    let (answers, ()) = within("all answers", async { tokio::join!(all, open) }).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(scene.tokens.count(), 1);
    assert_eq!(credentials(&scene.vendor), vec!["Bearer t-canary"; 50]);
    keeps_secrets(&scene.sidecar, &[]);
}

#[tokio::test]
async fn the_next_token_is_fetched_ahead_while_the_old_one_serves() {
    let scene = Scene::start().await;
    let gate = Gate::default();
    // Three quarters of its time later the next is asked for, which is then held back.
    scene.tokens.script(token("one", 4));
    scene.tokens.script(Script::default().gate(&gate).and(token("two", 3600)));
    within("the second token to be asked for", async {
        while scene.tokens.count() < 2 {
            assert_eq!(scene.chat().await.status(), 200);
        }
    })
    .await;
    assert_eq!(scene.chat().await.status(), 200);
    assert_eq!(credentials(&scene.vendor).last().unwrap(), "Bearer one");
    gate.open();
    within("the second token to be used", async {
        while credentials(&scene.vendor).last().unwrap() != "Bearer two" {
            assert_eq!(scene.chat().await.status(), 200);
        }
    })
    .await;
    assert_eq!(scene.tokens.count(), 2);
}

#[tokio::test]
async fn a_token_server_that_refuses_is_told_of_clearly_and_left_alone_for_a_while() {
    let scene = Scene::start().await;
    let error = json!({"error": "invalid_grant", "error_description": "s-canary and r-canary are not right"});
    scene.tokens.always(Script::json(400, &error));
    let answer = scene.chat().await;
    let body: Value = answer.json();
    assert_eq!((answer.status(), &body["error"]["code"]), (502, &json!("upstream_auth_failed")));
    assert!(body["error"]["message"].as_str().unwrap().contains("invalid_grant"), "{body}");
    let messages = json!({"model": "vendor/claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]});
    let second = scene.sidecar.post("/v1/messages", &messages).await;
    assert_eq!((second.status(), &second.json()["type"]), (502, &json!("error")));
    assert_eq!((scene.tokens.count(), scene.vendor.count()), (1, 0));
    let told = scene.sidecar.wait_log("the failure", |line| line["message"] == "no token could be fetched").await;
    assert_eq!((&told["provider"], &told["retry_ms"]), (&json!("vendor"), &json!(1000)));
    keeps_secrets(&scene.sidecar, &[answer.text(), second.text()]);
    // It comes back by itself.
    scene.tokens.always(token("late", 3600));
    within("a token", async { while scene.chat().await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_token_server_that_is_gone_is_another_targets_chance() {
    let scene = Scene::start().await;
    let other = Upstream::start().await;
    other.always(Script::json(200, &crate::support::chat::completion("other")));
    let more = format!(
        "  other: {{type: openai_compatible, base_url: \"http://{}/v1\", models: [m]}}\nmodels:\n  both: \
         {{targets: [{{provider: vendor, model: gemini-x}}], fallback: [{{provider: other, model: m}}]}}\n",
        other.address
    );
    scene.tokens.always(Script::default().rst());
    let sidecar = Sidecar::start(&format!("{}{more}", scene.config.replace("attempts: 1", "attempts: 2"))).await;
    let answer = sidecar.chat(&request("both")).await;
    assert_eq!((answer.status(), other.count()), (200, 1), "{}", answer.text());
}

#[tokio::test]
async fn a_token_that_the_vendor_refuses_is_replaced_once() {
    let scene = Scene::start().await;
    let tokens = std::sync::atomic::AtomicUsize::new(0);
    scene.tokens.respond(move |_| token(&format!("t{}", tokens.fetch_add(1, std::sync::atomic::Ordering::Relaxed)), 3600));
    let refused = Script::json(401, &json!({"error": {"code": 401, "message": "t0 is old", "status": "UNAUTHENTICATED"}}));
    scene.vendor.script(refused.clone());
    let answer = scene.chat().await;
    assert_eq!((answer.status(), answer.head.header("x-llm-attempts")), (200, Some("1")));
    assert_eq!(credentials(&scene.vendor), ["Bearer t0", "Bearer t1"]);
    // A second one that is refused says that it is not the token's fault.
    scene.vendor.always(refused);
    for _ in 0..3 {
        let answer = scene.chat().await;
        assert_eq!((answer.status(), &answer.json()["error"]["code"]), (401, &json!("upstream_auth_failed")));
    }
    assert_eq!(scene.tokens.count(), 2);
}

#[tokio::test]
async fn a_vendor_that_repeats_the_token_does_not_give_it_away() {
    let scene = Scene::start().await;
    scene.tokens.always(token("t-canary-0123456789", 3600));
    scene
        .vendor
        .always(Script::json(400, &json!({"error": {"code": 400, "message": "bad t-canary-0123456789", "status": "INVALID_ARGUMENT"}})));
    let answer = scene.chat().await;
    assert_eq!(answer.status(), 400);
    keeps_secrets(&scene.sidecar, &[answer.text()]);
}

#[tokio::test]
async fn a_reload_keeps_the_token() {
    let scene = Scene::start().await;
    scene.tokens.always(token("one", 3600));
    assert_eq!(scene.chat().await.status(), 200);
    scene.sidecar.edit_in_place(&format!("{}models:\n  alias: {{targets: [{{provider: vendor, model: gemini-x}}]}}\n", scene.config));
    within("the new configuration", async { while scene.sidecar.chat(&request("alias")).await.status() != 200 {} }).await;
    assert_eq!(scene.tokens.count(), 1);
}

//! Client keys (rows 57 to 61).

use serde_json::json;

use crate::support::chat;
use crate::support::client::Answer;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const CLIENTS: &str = "clients:\n  - {name: a, key: client-key-of-team-a, models: [\"vendor/m\"]}\n  - {name: b, key: client-key-of-team-b, models: [\"other/*\"]}";

async fn ask(sidecar: &Sidecar, headers: &[(&str, &str)]) -> Answer {
    sidecar.post_with("/v1/chat/completions", headers, &chat::request(false)).await
}

#[tokio::test]
async fn rows_57_to_61_who_may_call_what() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::before(&upstream, CLIENTS).await;
    for header in ["authorization", "x-other"] {
        ask(&sidecar, &[(header, "")]).await.assert_error(401, "authentication_error", "missing_api_key");
    }
    for malformed in ["Bearer", "Bearer ", "Basic Y2xpZW50", "client-key-of-team-a"] {
        let answer = ask(&sidecar, &[("authorization", malformed)]).await;
        assert_eq!(answer.status(), 401, "{malformed}");
        assert!(["missing_api_key", "invalid_api_key"].contains(&answer.json()["error"]["code"].as_str().unwrap()), "{}", answer.text());
    }
    for unknown in ["Bearer client-key-of-team-c", "Bearer client-key-of-team-", "Bearer client-key-of-team-aa"] {
        ask(&sidecar, &[("authorization", unknown)]).await.assert_error(401, "authentication_error", "invalid_api_key");
    }
    let other = ask(&sidecar, &[("authorization", "Bearer client-key-of-team-b")]).await;
    other.assert_error(403, "permission_error", "model_not_allowed");
    assert_eq!(upstream.requests().len(), 0);
    for (header, value) in
        [("authorization", "Bearer client-key-of-team-a"), ("x-api-key", "client-key-of-team-a"), ("api-key", "client-key-of-team-a")]
    {
        assert_eq!(ask(&sidecar, &[(header, value)]).await.status(), 200, "{header}");
    }
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer sk-canary-0123456789"));
        assert_eq!((request.header("x-api-key"), request.header("api-key")), (None, None));
    }
}

#[tokio::test]
async fn an_anthropic_client_is_refused_in_its_own_words() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, CLIENTS).await;
    let answer = sidecar.post_with("/v1/messages", &[("x-api-key", "wrong")], &chat::messages(false)).await;
    assert_eq!(answer.status(), 401);
    let body = answer.json();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("authentication_error")), "{body}");
    assert!(answer.head.header("request-id").is_some());
}

//! Rows 93 to 97: what the admin API refuses, how it says so, and that it is in the audit trail.

use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::upstream::Upstream;
use crate::{admin, ask, provider, start};

const PROVIDERS: &str = "/api/v1/llm/providers";

async fn raw(address: std::net::SocketAddr, body: &str) -> Answer {
    let mut client = Client::connect(address).await;
    let head = "POST /api/v1/llm/providers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin-token\r\ncontent-type: application/json";
    client.send(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    client.answer().await
}

fn told(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["error"];
    (answer.status(), error["type"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn rows_93_to_97_and_s17_are_refused_and_noted() {
    let upstream = Upstream::start().await;
    let sidecar = start("").await;
    let made = admin(&sidecar, "POST", PROVIDERS, Some(&provider("vendor", &upstream))).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let mut refused: Vec<(&str, Answer)> = Vec::new();
    let mut want: Vec<(u16, &str, &str)> = Vec::new();
    for garbage in ["{", "[]", "\"x\"", "{\"name\": }", "{\"name\": \"a\"}}"] {
        refused.push(("93", raw(sidecar.admin, garbage).await));
        want.push((400, "invalid_request_error", "invalid_json"));
    }
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = provider("new", &upstream);
        change(&mut body);
        body
    };
    for body in [with(&|body| body["colour"] = 1.into()), with(&|body| body["config"]["colour"] = 1.into())] {
        refused.push(("94", admin(&sidecar, "POST", PROVIDERS, Some(&body)).await));
        want.push((400, "invalid_request_error", "unknown_parameter"));
    }
    // Whoever asks and by whichever write: nobody becomes more than the file says.
    for field in ["role", "roles", "permissions", "scopes", "is_admin"] {
        refused.push(("95", admin(&sidecar, "POST", PROVIDERS, Some(&with(&|body| body[field] = "admin".into()))).await));
        refused.push(("95", admin(&sidecar, "PATCH", "/api/v1/llm/providers/vendor", Some(&json!({field: "admin"}))).await));
        refused.push(("95", admin(&sidecar, "POST", "/api/v1/clients", Some(&json!({"name": "me", field: ["admin"]}))).await));
        want.extend([(403, "permission_error", "rights_not_given"); 3]);
    }
    for token in ["viewer-token", "operator-token", "auditor-token"] {
        let own = json!({"name": "me", "role": "admin"});
        refused.push(("95", ask(&sidecar, token, "POST", "/api/v1/clients", "", Some(&own)).await));
        want.push((403, "permission_error", "permission_denied"));
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let body = (method != "DELETE").then(|| provider("vendor", &upstream));
        refused.push((
            "96",
            ask(&sidecar, "admin-token", method, "/api/v1/llm/providers/vendor", "if-match: \"stale\"\r\n", body.as_ref()).await,
        ));
        want.push((409, "conflict_error", "config_changed"));
    }
    for url in ["http://127.0.0.2", "https://127.0.0.1", "https://[::ffff:127.0.0.1]", "https://169.254.169.254", "https://0x7f.1"] {
        refused.push(("97", admin(&sidecar, "POST", PROVIDERS, Some(&with(&|body| body["config"]["base_url"] = url.into()))).await));
        want.push((422, "invalid_request_error", "url_not_allowed"));
    }
    for ((row, answer), (status, kind, code)) in refused.iter().zip(&want) {
        assert_eq!(told(answer), (*status, (*kind).to_owned(), (*code).to_owned()), "{row}: {}", answer.text());
        assert!(!answer.text().contains("canary"), "{row}: {}", answer.text());
    }
    let trail = admin(&sidecar, "GET", "/api/v1/audit?limit=1000", None).await.json();
    let noted = trail["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "refused").count();
    assert_eq!(noted, want.len(), "{trail}");
    // Nothing has changed.
    let after = admin(&sidecar, "GET", "/api/v1/llm/providers/vendor", None).await;
    assert_eq!(after.head.header("etag"), made.head.header("etag"));
    assert_eq!(admin(&sidecar, "GET", PROVIDERS, None).await.json()["total"], 1);
    assert_eq!(admin(&sidecar, "GET", "/api/v1/clients", None).await.json()["total"], 0);
}

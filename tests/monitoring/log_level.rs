//! The operational log's level, changed while the process runs.

use serde_json::json;

use crate::ADMIN;
use crate::support::chat;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::support::within;

async fn level(sidecar: &Sidecar, method: &str, token: &str, body: &str) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    let length = body.len();
    let head =
        format!("{method} /api/v1/logs/level HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n");
    client.send(format!("{head}{body}")).await;
    client.answer().await
}

fn failures(sidecar: &Sidecar) -> usize {
    sidecar.log().iter().filter(|line| line.contains("an attempt failed")).count()
}

#[tokio::test]
async fn it_is_set_by_hand_and_by_a_reload() {
    let upstream = Upstream::start().await;
    let yaml = format!("{ADMIN}{}", provider("openai_compatible", &upstream, ""));
    let sidecar = Sidecar::start(&yaml).await;
    upstream.always(Script::json(500, &json!({"error": {"message": "no"}})));
    // An attempt that failed is told at the level debug.
    sidecar.chat(&chat::request(false)).await;
    assert_eq!(level(&sidecar, "GET", "viewer-token", "").await.json(), json!({"level": "info", "configured": "info"}));
    let refused = level(&sidecar, "PUT", "viewer-token", r#"{"level": "debug"}"#).await;
    assert_eq!(refused.status(), 403);
    let wrong = level(&sidecar, "PUT", "operator-token", r#"{"level": "loud"}"#).await;
    assert_eq!((wrong.status(), wrong.json()["error"]["param"].as_str()), (400, Some("level")));
    assert_eq!(failures(&sidecar), 0);

    let set = level(&sidecar, "PUT", "operator-token", r#"{"level": "info,llm_sidecar::proxy=debug"}"#).await;
    assert_eq!((set.status(), set.json()["level"].as_str()), (200, Some("info,llm_sidecar::proxy=debug")));
    sidecar
        .wait_log("the change to be told", |line| line["message"] == "the log's level was changed by hand" && line["who"] == "ops")
        .await;
    sidecar.chat(&chat::request(false)).await;
    sidecar.wait_log("an attempt's failure", |line| line["message"] == "an attempt failed").await;

    sidecar.edit_by_rename(&format!("{yaml}log: {{level: warn}}\n"));
    within("the level to follow the file", async {
        while level(&sidecar, "GET", "viewer-token", "").await.json() != json!({"level": "warn", "configured": "warn"}) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let before = failures(&sidecar);
    let answer = sidecar.chat(&chat::request(false)).await;
    sidecar.access(answer.head.header("x-request-id").unwrap()).await;
    assert_eq!(failures(&sidecar), before);
}

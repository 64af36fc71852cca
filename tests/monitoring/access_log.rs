//! The access log's fields are those that the documentation lists, and no others.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const PAGE: &str = include_str!("../../docs/monitoring.md");

#[tokio::test]
async fn the_fields_are_the_documented_ones() {
    let upstream = Upstream::start().await;
    let degraded = "models:\n  last:\n    targets: [{provider: vendor, model: m}]\n    degraded: {answer: later}\n";
    let telemetry = "telemetry: {otlp: {endpoint: \"http://127.0.0.1:9\", interval: 1h}}\n";
    let sidecar = Sidecar::before(&upstream, &format!("{degraded}{telemetry}")).await;
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    let plain = sidecar.chat(&chat::request(true)).await;
    upstream.script(Script::json(500, &json!({"error": {"message": "no"}})));
    let mut request = chat::request(false);
    request["model"] = json!("last");
    let degraded = sidecar.chat(&request).await;
    let mut seen = BTreeSet::new();
    for answer in [plain, degraded] {
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        seen.extend(line.as_object().unwrap().keys().cloned());
    }
    assert_eq!(seen, documented());
}

/// The names in backticks of the first column of the table below "Access log".
fn documented() -> BTreeSet<String> {
    let section = PAGE.split("## Access log").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_start_matches('|').split(" | ").next().unwrap());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

//! Every route, method and role, as the served description lists them.

use serde_json::Value;

use crate::{admin, ask, start};

#[tokio::test]
async fn every_route_is_refused_to_whoever_lacks_its_permission() {
    let sidecar = start("providers: {a: {type: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}}\n").await;
    let document = admin(&sidecar, "GET", "/api/v1/openapi.json", None).await.json();
    let (mut tried, mut allowed) = (0, 0);
    // Who has no token comes last: after a few wrong ones the address has to wait, whatever the token.
    for token in ["admin-token", "operator-token", "viewer-token", "auditor-token", "nobody"] {
        if token == "nobody" {
            let providers: Value = admin(&sidecar, "GET", "/api/v1/llm/providers", None).await.json();
            assert_eq!(providers["total"], 1);
        }
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let Some(needs) = operation["x-permission"].as_str() else { continue };
                // A name that is not there: whoever is let in changes nothing.
                let path = path.replace("{name}", "not-there").replace("{id}", "none");
                let method = method.to_uppercase();
                let may = match token {
                    "admin-token" => true,
                    "operator-token" => {
                        needs.ends_with(":read")
                            || ["config:reload", "breakers:write", "providers:test", "logs:write", "playground:use"].contains(&needs)
                    }
                    "viewer-token" => needs.ends_with(":read") && needs != "audit:read",
                    "auditor-token" => needs == "audit:read",
                    _ => false,
                };
                let answer = ask(&sidecar, token, &method, &path, "", None).await;
                let refused: &[u16] = if token == "nobody" { &[401, 429] } else { &[403] };
                assert_eq!(refused.contains(&answer.status()), !may, "{token} {method} {path}: {}", answer.text());
                assert!(answer.status() < 500, "{token} {method} {path}: {}", answer.text());
                tried += 1;
                allowed += usize::from(may);
            }
        }
    }
    assert!(tried > 150 && allowed > 60, "{tried} {allowed}");
}

//! Lists of models that come in pages, each vendor's in its own way.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream, Witness};

/// What the vendor answers when this stands in the query, and at first.
type Pages = (&'static str, &'static str, fn() -> Value, fn() -> Value);

const VENDORS: [Pages; 3] = [
    (
        "anthropic",
        "after_id=b",
        || json!({"data": [{"type": "model", "id": "a"}, {"type": "model", "id": "b"}], "has_more": true, "last_id": "b"}),
        || json!({"data": [{"type": "model", "id": "c"}], "has_more": false, "last_id": "c"}),
    ),
    (
        "gemini",
        "pageToken=x%2F2",
        || json!({"models": [{"name": "models/a"}, {"name": "models/b"}], "nextPageToken": "x/2"}),
        || json!({"models": [{"name": "models/c"}]}),
    ),
    (
        "openai_compatible",
        "page_token=2",
        || json!({"models": [{"name": "a"}, {"name": "b"}], "next_page_token": "2"}),
        || json!({"models": [{"name": "c"}]}),
    ),
];

#[tokio::test]
async fn all_pages_of_a_list_are_told() {
    for (kind, next, first, last) in VENDORS {
        let upstream = Upstream::start().await;
        upstream.respond(move |seen| Script::json(200, &if seen.path.contains(next) { last() } else { first() }));
        let yaml = format!("providers: {{vendor: {{type: {kind}, base_url: \"http://{}\", api_key: k}}}}", upstream.address);
        let sidecar = Sidecar::start(&yaml).await;
        let list = Client::connect(sidecar.data).await.get("/v1/models").await.json();
        let names: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!(names, ["vendor/a", "vendor/b", "vendor/c"], "{kind}");
        assert_eq!(upstream.watch().borrow().requests.len(), 2, "{kind}");
    }
}

/// A list whose pages never end is given up, and a page that is no list spoils it.
#[tokio::test]
async fn a_list_that_has_no_end_is_none() {
    let upstream = Upstream::start().await;
    let count = std::sync::atomic::AtomicUsize::new(0);
    upstream.respond(move |_| {
        let page = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Script::json(200, &json!({"models": [{"name": "a"}], "nextPageToken": page.to_string()}))
    });
    let yaml = format!("providers: {{vendor: {{type: gemini, base_url: \"http://{}\", api_key: k}}}}", upstream.address);
    let sidecar = Sidecar::start(&yaml).await;
    let list = Client::connect(sidecar.data).await.get("/v1/models").await.json();
    assert_eq!(list["data"], json!([]));
}

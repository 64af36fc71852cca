//! Prices and exchange rates are set while requests run, and what requests used is told in sums.

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{admin, ask, provider, start};

const PRICES: &str = "/api/v1/llm/prices";
const RATES: &str = "/api/v1/llm/exchange-rates";

/// What an answer says that it cost.
async fn cost(sidecar: &Sidecar) -> (String, String) {
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    let answer = sidecar.chat(&request).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let header = |name: &str| answer.head.header(name).unwrap_or_default().to_owned();
    (header("x-llm-cost"), header("x-llm-cost-currency"))
}

fn code(problem: &Value) -> (&str, &str) {
    let of = |key: &str| problem["error"][key].as_str().unwrap_or_default();
    (of("code"), of("param"))
}

#[tokio::test]
async fn a_price_is_in_force_with_the_next_request() {
    let upstream = Upstream::start().await;
    let mut answer = chat::completion("hello");
    answer["usage"] = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    upstream.always(Script::json(200, &answer));
    let declared =
        "prices:\n  currency: CNY\n  overrides: {vendor/other: {input: 1, output: 2}}\n  exchange: [{from: USD, to: CNY, rate: 7}]\n";
    // The file names a provider for whose models it has prices.
    let url = format!("http://{}/v1", upstream.address);
    let vendor = format!("providers: {{vendor: {{type: openai_compatible, base_url: \"{url}\", api_key: k, models: [m, other]}}}}\n");
    let sidecar = start(&format!("{vendor}{declared}")).await;
    assert_eq!(cost(&sidecar).await, (String::new(), String::new()), "what is not priced costs nobody knows what");

    let one = format!("{PRICES}/vendor%2Fm");
    let price = json!({"config": {"input": "2.5", "output": 10, "currency": "USD"}});
    let dry = admin(&sidecar, "PUT", &format!("{one}?dry_run=true"), Some(&price)).await;
    assert_eq!((dry.status(), &dry.json()["is_changed"]), (200, &json!(true)), "{}", dry.text());
    let made = admin(&sidecar, "PUT", &one, Some(&price)).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.head.header("location"), Some(one.as_str()));
    let tag = made.head.header("etag").unwrap().to_owned();
    // 1000 × 2.5 + 100 × 10 dollars for a million, in yuan.
    assert_eq!(cost(&sidecar).await, ("0.0245".into(), "CNY".into()));
    let again = admin(&sidecar, "PUT", &one, Some(&price)).await;
    assert_eq!((again.status(), again.head.header("etag")), (200, Some(tag.as_str())));

    let rate = json!({"name": "USD-CNY@2020-01-01", "config": {"rate": "7.2"}});
    let made = admin(&sidecar, "POST", RATES, Some(&rate)).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(cost(&sidecar).await, ("0.0252".into(), "CNY".into()));

    let stale = ask(&sidecar, "admin-token", "PATCH", &one, "if-match: \"s0\"\r\n", Some(&json!({"config": {"output": 20}}))).await;
    assert_eq!((stale.status(), code(&stale.json()).0), (409, "config_changed"));
    assert_eq!(admin(&sidecar, "PATCH", &one, Some(&json!({"config": {"output": 20}}))).await.status(), 200);
    assert_eq!(cost(&sidecar).await.0, "0.0324");

    let names = |list: Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list["data"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["status"]["source"]))).collect()
    };
    let pair = |name: &str, source: &str| (name.to_owned(), source.to_owned());
    assert_eq!(names(admin(&sidecar, "GET", PRICES, None).await.json()), [pair("vendor/m", "store"), pair("vendor/other", "file")]);
    assert_eq!(names(admin(&sidecar, "GET", RATES, None).await.json()), [pair("USD-CNY", "file"), pair("USD-CNY@2020-01-01", "store")]);

    for (method, path, body, status, expected) in [
        ("PUT", format!("{PRICES}/vendor%2Fother"), Some(&price), 409, ("declared_in_file", "name")),
        ("DELETE", format!("{RATES}/USD-CNY"), None, 409, ("declared_in_file", "name")),
        (
            "PUT",
            format!("{PRICES}/vendor%2Fx"),
            Some(&json!({"config": {"input": -1, "output": 1}})),
            422,
            ("invalid_config", "config.input"),
        ),
        ("PUT", format!("{PRICES}/vendor%2Fx"), Some(&json!({"config": {"inputs": 1}})), 400, ("unknown_parameter", "config.inputs")),
        ("PUT", format!("{RATES}/usd-cny"), Some(&json!({"config": {"rate": 7}})), 400, ("invalid_value", "name")),
        ("PUT", format!("{RATES}/USD-EUR"), Some(&json!({"config": {"rate": 0}})), 422, ("invalid_config", "config.rate")),
        ("DELETE", format!("{PRICES}/vendor%2Fnone"), None, 404, ("not_found", "")),
    ] {
        let answer = admin(&sidecar, method, &path, body).await;
        assert_eq!((answer.status(), code(&answer.json())), (status, expected), "{method} {path}: {}", answer.text());
    }

    assert_eq!(admin(&sidecar, "DELETE", &one, None).await.status(), 200);
    assert_eq!(cost(&sidecar).await.0, "");
}

#[tokio::test]
async fn use_is_told_in_sums() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = start("").await;
    assert_eq!(admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&provider("vendor", &upstream))).await.status(), 201);
    for _ in 0..3 {
        cost(&sidecar).await;
    }
    // Sums reach the store within seconds.
    let path = "/api/v1/llm/usage?group_by=provider,day&provider=vendor";
    let mut told = Value::Null;
    for _ in 0..100 {
        told = admin(&sidecar, "GET", path, None).await.json();
        if told["data"][0]["requests"] == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(told["data"][0]["requests"], 3, "{told}");
    assert_eq!((&told["data"][0]["provider"], &told["data"][0]["model"]), (&json!("vendor"), &Value::Null));
    assert_eq!(told["data"][0]["day"], told["to"]);
    let csv = admin(&sidecar, "GET", "/api/v1/llm/usage?format=csv", None).await;
    assert_eq!(csv.head.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.text().contains("\r\n,vendor,m,,3,0,"), "{}", csv.text());
    for (query, param) in
        [("group_by=hour", "group_by"), ("from=yesterday", "from"), ("from=2026-02-01&to=2026-01-01", "from"), ("by=day", "query")]
    {
        let refused = admin(&sidecar, "GET", &format!("/api/v1/llm/usage?{query}"), None).await;
        assert_eq!((refused.status(), code(&refused.json()).1), (400, param), "{query}");
    }
}

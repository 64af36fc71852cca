//! The same table through the whole binary: for every row, header, access log, record and metrics tell its cost to the billionth.

use llm_sidecar::price::{Nano, parse_nano};
use serde_json::{Value, json};

use crate::agree::{nano, records};
use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::table::{Prices, Row, rows};

/// The type of a provider that speaks a dialect, and what it needs beside an address and a key.
fn provider(dialect: &str) -> (&'static str, &'static str) {
    match dialect {
        "openai_chat" => ("openai_compatible", "/v1"),
        "openai_responses" => ("openai_responses", "/v1"),
        "anthropic_messages" => ("anthropic", ""),
        "gemini" => ("gemini", ""),
        "bedrock_converse" => ("bedrock", ""),
        "cohere" => ("cohere", ""),
        "dashscope" => ("qwen_native", ""),
        "ollama" => ("ollama", ""),
        other => panic!("no provider for `{other}`"),
    }
}

/// Prices as the configuration has them: that of a request is for one, in the table for a million.
fn price(prices: &Prices) -> Value {
    let one = |(name, price): (&String, &String)| {
        let price = if name == "request" { Nano(parse_nano(price).unwrap() / 1_000_000).to_string() } else { price.clone() };
        (name.clone(), Value::from(price))
    };
    Value::Object(prices.iter().map(one).collect())
}

fn overrides(rows: &[Row]) -> Value {
    let one = |(number, row): (usize, &Row)| {
        let mut all = price(&row.price);
        let tables = [
            ("above", row.above.iter().map(|(tokens, prices)| (tokens.clone(), price(prices))).collect::<serde_json::Map<_, _>>()),
            ("tiers", row.tiers.iter().map(|(tier, prices)| (tier.as_str().to_owned(), price(prices))).collect()),
        ];
        for (name, table) in tables.into_iter().filter(|(_, table)| !table.is_empty()) {
            all[name] = Value::Object(table);
        }
        (format!("p{number}/m"), all)
    };
    Value::Object(rows.iter().enumerate().map(one).collect())
}

#[tokio::test]
async fn every_row_of_the_table_costs_the_same_wherever_it_is_told() {
    let (rows, upstream) = (rows(), Upstream::start().await);
    let providers = rows.iter().enumerate().map(|(number, row)| {
        let (kind, path) = provider(&row.dialect);
        let config = json!({"type": kind, "base_url": format!("http://{}{path}", upstream.address), "api_key": "k", "models": ["m"]});
        (format!("p{number}"), config)
    });
    let providers: serde_json::Map<String, Value> = providers.collect();
    let config = json!({"providers": providers, "prices": {"overrides": overrides(&rows)}, "usage": {"file": {"path": "usage.jsonl"}}});
    let sidecar = Sidecar::start(&format!("{}\n", serde_yaml::to_string(&config).unwrap())).await;
    for (number, row) in rows.iter().enumerate() {
        // Ollama is asked for more than the answer.
        upstream.always(Script::json(200, &row.body));
        let mut request = chat::request(false);
        request["model"] = format!("p{number}/m").into();
        let answer = sidecar.chat(&request).await;
        assert_eq!(answer.status(), 200, "{}: {}", row.name, answer.text());
        assert_eq!(answer.head.header("x-llm-cost"), Some(&*Nano(row.nano).to_string()), "{}", row.name);
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        assert_eq!((&line["cost_nano"], &line["cost_currency"]), (&json!(row.nano), &json!("USD")), "{}", row.name);
        let labels = format!("{{provider=\"p{number}\",model=\"m\",currency=\"USD\"}}");
        assert_eq!(nano(&sidecar, &format!("llm_cost_total{labels}")).await, row.nano, "{}", row.name);
        assert_eq!(nano(&sidecar, &format!("llm_cost_reported_total{labels}")).await, row.nano, "{}", row.name);
    }
    for (record, row) in records(&sidecar, rows.len()).await.iter().zip(&rows) {
        assert_eq!(record["cost"], json!({"nano": row.nano, "currency": "USD"}), "{}", row.name);
        assert_eq!(record["reported_cost"], record["cost"], "{}", row.name);
        let parts = record["cost_by_kind"].as_object().unwrap();
        assert_eq!(parts.values().map(|part| part.as_u64().unwrap()).sum::<u64>(), row.nano, "{}", row.name);
        assert_eq!((&record["tokens"]["service_tier"], &record["tokens_source"]), (&json!(row.tier), &json!("vendor")), "{}", row.name);
    }
}

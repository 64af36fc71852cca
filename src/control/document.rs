//! Records as a document of the configuration's form.

use serde_json::{Map, Value, json};

use crate::store::{Kind, Record};

/// What the store holds, as [`crate::config::load_over`] reads it. Only what is active counts.
pub fn document(records: &[Record]) -> String {
    let mut sections = Map::new();
    for kind in [Kind::Provider, Kind::Model] {
        let entries = records.iter().filter(|record| record.kind == kind).filter_map(|record| {
            let body = body(record);
            is_active(&body).then(|| (record.name.clone(), section(kind, body)))
        });
        let entries: Map<String, Value> = entries.collect();
        if !entries.is_empty() {
            sections.insert(kind.section().to_owned(), entries.into());
        }
    }
    // A client that is not active stays, without its keys: without any clients everybody might call.
    let clients: Vec<Value> = records.iter().filter(|record| record.kind == Kind::Client).map(client).collect();
    if !clients.is_empty() {
        sections.insert(Kind::Client.section().to_owned(), clients.into());
    }
    let of = |kind: Kind| records.iter().filter(move |record| record.kind == kind).filter(|record| is_active(&body(record)));
    let overrides: Map<String, Value> = of(Kind::Price).map(|record| (record.name.clone(), section(Kind::Price, body(record)))).collect();
    let exchange: Vec<Value> = of(Kind::ExchangeRate).map(exchange_rate).collect();
    let mut prices = Map::new();
    if !overrides.is_empty() {
        prices.insert("overrides".into(), overrides.into());
    }
    if !exchange.is_empty() {
        prices.insert("exchange".into(), exchange.into());
    }
    if !prices.is_empty() {
        sections.insert("prices".into(), prices.into());
    }
    if sections.is_empty() { String::new() } else { Value::Object(sections).to_string() }
}

fn body(record: &Record) -> Value {
    serde_json::from_str(&record.body).unwrap_or(Value::Null)
}

/// Unless it says otherwise.
pub fn is_active(body: &Value) -> bool {
    body.get("is_active").and_then(Value::as_bool).unwrap_or(true)
}

fn section(kind: Kind, body: Value) -> Value {
    let mut config = match body.get("config") {
        Some(Value::Object(config)) => config.clone(),
        _ => Map::new(),
    };
    if kind == Kind::Provider {
        config.insert("type".into(), body.get("provider_type").cloned().unwrap_or(Value::Null));
    }
    Value::Object(config)
}

/// The name says which currencies, and from when on: `USD-CNY@2026-01-31`.
fn exchange_rate(record: &Record) -> Value {
    let (pair, since) = record.name.split_once('@').map_or((record.name.as_str(), None), |(pair, since)| (pair, Some(since)));
    let (from, to) = pair.split_once('-').unwrap_or((pair, ""));
    let rate = section(Kind::ExchangeRate, body(record)).get("rate").cloned();
    let mut entry = json!({"from": from, "to": to, "rate": rate});
    if let (Some(entry), Some(since)) = (entry.as_object_mut(), since) {
        entry.insert("since".into(), since.into());
    }
    entry
}

fn client(record: &Record) -> Value {
    let body = body(record);
    let keys: Vec<Value> = match body.get("keys").and_then(Value::as_array) {
        Some(keys) if is_active(&body) => keys.iter().filter_map(|key| key.get("sha256").cloned()).collect(),
        _ => Vec::new(),
    };
    let mut entry = json!({"name": record.name, "key_sha256": keys});
    if let (Some(entry), Some(Value::Object(config))) = (entry.as_object_mut(), body.get("config")) {
        entry.extend(config.clone());
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, name: &str, body: Value) -> Record {
        Record { kind, name: name.into(), body: body.to_string(), version: 1, created: 0, updated: 0 }
    }

    #[test]
    fn active_records_become_sections_and_clients_stay_closed() {
        assert_eq!(document(&[]), "");
        let records = [
            record(Kind::Provider, "p", json!({"provider_type": "openai", "config": {"api_key": "enc:x"}, "is_active": true})),
            record(Kind::Provider, "q", json!({"provider_type": "openai", "is_active": false})),
            record(Kind::Model, "m", json!({"config": {"strategy": "failover"}})),
            record(Kind::Client, "c", json!({"config": {"models": ["m"]}, "keys": [{"id": "1", "sha256": "ab"}], "is_active": false})),
        ];
        let rate = |name: &str| record(Kind::ExchangeRate, name, json!({"config": {"rate": 7.1}}));
        let money =
            [record(Kind::Price, "p/m", json!({"config": {"input": 1, "output": "2.5"}})), rate("USD-CNY"), rate("USD-EUR@2026-01-31")];
        let read: Value = serde_json::from_str(&document(&money)).unwrap();
        let exchange = json!([{"from": "USD", "to": "CNY", "rate": 7.1}, {"from": "USD", "to": "EUR", "rate": 7.1, "since": "2026-01-31"}]);
        assert_eq!(read, json!({"prices": {"overrides": {"p/m": {"input": 1, "output": "2.5"}}, "exchange": exchange}}));
        let read: Value = serde_json::from_str(&document(&records)).unwrap();
        assert_eq!(
            read,
            json!({
                "providers": {"p": {"api_key": "enc:x", "type": "openai"}},
                "models": {"m": {"strategy": "failover"}},
                "clients": [{"name": "c", "key_sha256": [], "models": ["m"]}],
            })
        );
    }
}

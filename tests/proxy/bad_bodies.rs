//! Bodies that are not the request they should be (rows 30 to 56). None of them reaches a vendor.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::chat;
use crate::support::client::Answer;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

const CHAT: &str = "/v1/chat/completions";

async fn start(kind: &str, more: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::start(&provider(kind, &upstream, more)).await;
    (upstream, sidecar)
}

/// A body as it is, under these headers.
async fn send(sidecar: &Sidecar, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n", body.as_ref().len());
    sidecar.raw([head.as_bytes(), body.as_ref()].concat()).await
}

const JSON: &str = "content-type: application/json\r\n";

/// The usual request with one field changed; `null` removes it.
fn with(field: &str, value: Value) -> Value {
    let mut body = chat::request(false);
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().shift_remove(field)),
        value => body[field] = value,
    }
    body
}

#[tokio::test]
async fn row_30_only_json_is_taken() {
    let (upstream, sidecar) = start("openai_compatible", "").await;
    for kind in ["", "content-type: text/plain\r\n", "content-type: multipart/form-data; boundary=x\r\n"] {
        let answer = send(&sidecar, kind, chat::request(false).to_string()).await;
        answer.assert_error(415, "invalid_request_error", "unsupported_media_type");
    }
    let charset = send(&sidecar, "content-type: application/json; charset=utf-8\r\n", chat::request(false).to_string()).await;
    assert_eq!(charset.status(), 200, "{}", charset.text());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn rows_31_and_32_bombs_and_unknown_codings() {
    let (upstream, sidecar) = start("openai_compatible", "server: {max_body: 1MiB}").await;
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = gzip(&vec![b' '; 64 << 20]);
    sidecar.warm_up(&upstream).await;
    let (before, warm) = (sidecar.memory(), upstream.requests().len());
    let answer = send(&sidecar, &format!("{JSON}content-encoding: gzip\r\n"), &bomb).await;
    answer.assert_error(413, "invalid_request_error", "request_too_large");
    assert!(sidecar.memory() < before + (16 << 10), "{} KiB, was {before} KiB", sidecar.memory());
    let answer = send(&sidecar, &format!("{JSON}content-encoding: lzma\r\n"), "x").await;
    answer.assert_error(415, "invalid_request_error", "unsupported_encoding");
    assert_eq!(upstream.requests().len(), warm);
    let answer = send(&sidecar, &format!("{JSON}content-encoding: gzip\r\n"), gzip(chat::request(false).to_string().as_bytes())).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn rows_33_to_38_what_is_not_json() {
    for kind in ["openai_compatible", "anthropic"] {
        let (upstream, sidecar) = start(kind, "").await;
        let good = chat::request(false).to_string();
        let deep = format!(r#"{{"model":"vendor/m","messages":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        let content = |raw: &str| format!(r#"{{"model":"vendor/m","messages":[{{"role":"user","content":{raw}}}]}}"#);
        let invalid = [&b"{\"model\":\"vendor/m\",\"messages\":[{\"role\":\"user\",\"content\":\"secret-word \xff\"}]}"[..]].concat();
        let rows: [(u32, Vec<u8>); 8] = [
            (33, Vec::new()),
            (34, b"{".to_vec()),
            (35, format!("{good} secret-word").into_bytes()),
            (36, invalid),
            (37, deep.into_bytes()),
            (38, content("1e999").into_bytes()),
            (38, content("NaN").into_bytes()),
            (53, content(r#""secret-word \ud800""#).into_bytes()),
        ];
        for (row, body) in rows {
            let answer = send(&sidecar, JSON, body).await;
            assert_eq!(answer.json()["error"]["code"], "invalid_json", "row {row}, {kind}: {}", answer.text());
            answer.assert_error(400, "invalid_request_error", "invalid_json");
            assert!(!answer.text().contains("secret-word"), "row {row}: the body is echoed");
        }
        assert_eq!(upstream.requests().len(), 0);
    }
}

#[tokio::test]
async fn row_39_a_field_given_twice_is_refused() {
    let (upstream, sidecar) = start("openai_compatible", "").await;
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    for (field, body) in [
        ("model", format!(r#"{{"model":"vendor/m","model":"vendor/n",{messages}}}"#)),
        ("model", format!(r#"{{"model":"vendor/m","mod\u0065l":"vendor/n",{messages}}}"#)),
        ("stream", format!(r#"{{"model":"vendor/m","stream":false,"stream":true,{messages}}}"#)),
        ("max_tokens", format!(r#"{{"model":"vendor/m","max_tokens":1,"max_tokens":9,{messages}}}"#)),
        ("messages", format!(r#"{{"model":"vendor/m",{messages},{messages}}}"#)),
    ] {
        let answer = send(&sidecar, JSON, body).await;
        answer.assert_error(400, "invalid_request_error", "duplicate_field");
        assert_eq!(answer.json()["error"]["param"], field);
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn rows_40_to_43_no_usable_model() {
    let (upstream, sidecar) = start("openai_compatible", "").await;
    for body in [json!([]), json!("text"), json!(7), Value::Null] {
        let answer = sidecar.chat(&body).await;
        assert_eq!(answer.status(), 400, "{body}: {}", answer.text());
    }
    let rows = [
        (Value::Null, "missing_required_parameter"),
        (json!(5), "invalid_type"),
        (json!(""), "invalid_value"),
        (json!("m".repeat(10 << 10)), "invalid_value"),
        (json!("a\u{1b}[31m\r\nb"), "invalid_value"),
    ];
    for (model, code) in rows {
        let answer = sidecar.chat(&with("model", model.clone())).await;
        assert_eq!(answer.json()["error"]["code"], code, "{model}: {}", answer.text());
        answer.assert_error(400, "invalid_request_error", code);
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_44_an_unknown_model_is_told_and_makes_no_metric() {
    let (upstream, sidecar) = start("openai_compatible", "").await;
    for model in ["nobody/has-this", "has-this-nobody", "vendor-x/m"] {
        let answer = sidecar.chat(&with("model", json!(model))).await;
        answer.assert_error(404, "invalid_request_error", "model_not_found");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    let metrics = crate::support::client::Client::connect(sidecar.admin).await.get("/metrics").await.text();
    assert!(!metrics.contains("has-this"), "{metrics}");
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn rows_45_to_52_fields_of_wrong_type_or_value() {
    for kind in ["openai_compatible", "anthropic"] {
        let (upstream, sidecar) = start(kind, "").await;
        let rows = [
            (45, "messages", Value::Null),
            (46, "messages", json!([])),
            (47, "messages", json!("hello")),
            (48, "messages", json!([{"role": "root", "content": "x"}])),
            (49, "stream", json!("yes")),
            (50, "max_tokens", json!(-1)),
            (51, "temperature", json!("hot")),
            (52, "n", json!(1_000_000)),
        ];
        for (row, field, value) in rows {
            let answer = sidecar.chat(&with(field, value)).await;
            assert_eq!(answer.status(), 400, "row {row}, {kind}: {}", answer.text());
            let error = answer.json()["error"].clone();
            let code = error["code"].as_str().unwrap_or_default().to_owned();
            assert!(["missing_required_parameter", "invalid_type", "invalid_value"].contains(&code.as_str()), "row {row}, {kind}: {error}");
            answer.assert_error(400, "invalid_request_error", &code);
            assert!(error["param"].as_str().is_some_and(|param| param.starts_with(field)), "row {row}, {kind}: {error}");
        }
        assert_eq!(upstream.requests().len(), 0, "{kind}");
    }
}

#[tokio::test]
async fn row_54_addresses_in_a_request_are_words_to_the_sidecar() {
    let evil = Upstream::start().await;
    let (upstream, sidecar) = start("openai_compatible", "").await;
    let url = format!("http://{}/image.png", evil.address);
    let content = json!([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]);
    let answer = sidecar.chat(&with("messages", json!([{"role": "user", "content": content}]))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(upstream.requests()[0].json()["messages"][0]["content"], content);
    assert_eq!(evil.record().connections, 0);
}

#[tokio::test]
async fn row_55_a_client_cannot_choose_where_the_request_goes() {
    let evil = Upstream::start().await;
    let (upstream, sidecar) = start("openai_compatible", "").await;
    let mut body = chat::request(false);
    let there = format!("http://{}/v1", evil.address);
    for field in ["api_base", "base_url", "api_key", "azure_endpoint"] {
        body[field] = json!(there);
    }
    body["extra_headers"] = json!({"authorization": "Bearer stolen"});
    let headers = [("x-base-url", there.as_str()), ("x-portkey-custom-host", &there), ("authorization", "Bearer of-the-client")];
    let answer = sidecar.post_with(CHAT, &headers, &body).await;
    assert!(matches!(answer.status(), 200 | 400), "{}", answer.text());
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer sk-canary-0123456789"));
    }
    assert_eq!(evil.record().connections, 0);
}

#[tokio::test]
async fn row_56_what_the_target_cannot_say_is_refused_where_that_is_wanted() {
    let (upstream, sidecar) = start("anthropic", "translation: {unsupported: reject}").await;
    for (field, value) in [("logprobs", json!(true)), ("logit_bias", json!({"50256": -100})), ("seed", json!(7))] {
        let answer = sidecar.chat(&with(field, value)).await;
        answer.assert_error(400, "invalid_request_error", "unsupported_parameter");
        assert_eq!(answer.json()["error"]["param"], field);
    }
    assert_eq!(upstream.requests().len(), 0);
}

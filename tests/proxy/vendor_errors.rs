//! Errors of vendors on their way to clients, whole and for streams (R24, R44, rows 67 to 80).

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

const STATUSES: [u16; 12] = [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 529];

fn openai_error(status: u16) -> Value {
    json!({"error": {"message": format!("the vendor's words for {status}"), "type": "vendor_type", "param": null, "code": null}})
}

fn anthropic_error(status: u16) -> Value {
    let kind = match status {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 | 503 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": format!("the vendor's words for {status}")}, "request_id": "req_1"})
}

#[tokio::test]
async fn r24_every_error_arrives_whole_also_for_a_stream() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
        for status in STATUSES {
            for stream in [false, true] {
                let body = if kind == "anthropic" { anthropic_error(status) } else { openai_error(status) };
                upstream.script(Script::json(status, &body));
                let answer = sidecar.chat(&chat::request(stream)).await;
                let what = format!("{kind} {status} stream={stream}: {} {}", answer.status(), answer.text());
                let expected: &[u16] = match status {
                    402 => &[402, 429],
                    500 => &[500, 502],
                    529 => &[503],
                    _ => &[status],
                };
                assert!(expected.contains(&answer.status()), "{what}");
                assert_eq!(answer.head.header("content-type"), Some("application/json"), "{what}");
                let error = &answer.json()["error"];
                for key in ["message", "type", "param", "code"] {
                    assert!(error.get(key).is_some(), "{what}");
                }
                assert!(error["message"].as_str().unwrap().contains("the vendor's words"), "{what}");
                assert!(answer.head.header("x-request-id").is_some(), "{what}");
                assert_eq!(answer.head.header("retry-after").is_some(), matches!(status, 503 | 529), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn r24_an_anthropic_client_gets_errors_in_its_own_shape() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for (status, kind) in [(400, "invalid_request_error"), (404, "not_found_error"), (429, "rate_limit_error")] {
        for stream in [false, true] {
            upstream.script(Script::json(status, &openai_error(status)));
            let answer = sidecar.post("/v1/messages", &chat::messages(stream)).await;
            assert_eq!(answer.status(), status, "{}", answer.text());
            let body = answer.json();
            assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)), "{body}");
        }
    }
}

#[tokio::test]
async fn row_67_a_refused_connection_names_no_host() {
    // A port that was free a moment ago.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let yaml = format!(
        "providers: {{vendor: {{type: openai_compatible, base_url: \"http://{gone}/v1\", api_key: k, models: [m], retry: {{attempts: 1}}}}}}"
    );
    let sidecar = Sidecar::start(&yaml).await;
    for stream in [false, true] {
        let answer = sidecar.chat(&chat::request(stream)).await;
        answer.assert_error(502, "upstream_error", "upstream_connect_failed");
        assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains(&gone.port().to_string()), "{}", answer.text());
    }
}

#[tokio::test]
async fn row_68_a_name_that_does_not_resolve() {
    let yaml = "providers: {vendor: {type: openai_compatible, base_url: \"https://no-such-host.invalid/v1\", api_key: k, models: [m], \
        retry: {attempts: 1}, timeout: {connect: 3s}}}";
    let sidecar = Sidecar::start(yaml).await;
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(502, "upstream_error", "upstream_dns");
    assert!(!answer.text().contains("no-such-host"), "{}", answer.text());
}

#[tokio::test]
async fn row_69_a_certificate_nobody_trusts_gets_no_key() {
    let upstream = Upstream::start_tls().await;
    let yaml = format!(
        "providers: {{vendor: {{type: openai_compatible, base_url: \"https://{}/v1\", api_key: k, models: [m]}}}}",
        upstream.address
    );
    let sidecar = Sidecar::start(&yaml).await;
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(502, "upstream_error", "upstream_tls");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(upstream.record().connections, 1, "a certificate does not become valid by trying again");
}

#[tokio::test]
async fn row_75_a_vendor_that_echoes_the_key_does_not_tell_it() {
    for stream in [false, true] {
        let upstream = Upstream::start().await;
        let message = "Incorrect API key provided: sk-canary-0123456789. See https://internal.vendor.example/keys";
        upstream.always(Script::json(
            401,
            &json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}),
        ));
        let sidecar = Sidecar::before(&upstream, "").await;
        let answer = sidecar.chat(&chat::request(stream)).await;
        answer.assert_error(401, "authentication_error", "upstream_auth_failed");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
        let id = answer.head.header("x-request-id").unwrap();
        sidecar.access(id).await;
        assert!(!sidecar.log().concat().contains("canary"), "the key is in the log");
    }
}

#[tokio::test]
async fn rows_76_to_78_waits_are_passed_on_within_what_sdks_take() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let rows = [
        (429, "retry-after", "7", 429, "7"),
        (429, "retry-after-ms", "1500", 429, "2"),
        (529, "retry-after", "3", 503, "3"),
        (503, "retry-after", "86400", 503, "120"),
    ];
    for (status, header, value, told, wait) in rows {
        let body = openai_error(status).to_string();
        let length = body.len().to_string();
        let head = [("content-type", "application/json"), ("content-length", length.as_str()), (header, value)];
        upstream.script(Script::head(status, &head).raw(&body));
        let answer = sidecar.chat(&chat::request(false)).await;
        assert_eq!(answer.status(), told, "{}", answer.text());
        assert_eq!(answer.head.header("retry-after"), Some(wait), "{status} {header}: {value}");
    }
}

#[tokio::test]
async fn row_79_a_redirect_is_not_followed() {
    let evil = Upstream::start().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for status in [301, 302, 307, 308] {
        let location = format!("http://{}/v1/chat/completions", evil.address);
        upstream.script(Script::head(status, &[("location", &location), ("content-length", "0")]));
        let answer = sidecar.chat(&chat::request(false)).await;
        answer.assert_error(502, "upstream_error", "upstream_redirect");
        assert!(answer.head.header("location").is_none());
    }
    assert_eq!(evil.record().connections, 0);
}

#[tokio::test]
async fn row_80_a_vendors_400_keeps_its_code_and_field() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let body = json!({"error": {"message": "too long for sk-canary-0123456789", "type": "invalid_request_error", "param": "messages",
        "code": "context_length_exceeded"}});
    upstream.always(Script::json(400, &body));
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(400, "invalid_request_error", "context_length_exceeded");
    assert_eq!(answer.json()["error"]["param"], "messages");
    assert!(!answer.text().contains("canary"), "{}", answer.text());
}

#[tokio::test]
async fn a_vendors_error_in_any_shape_keeps_its_words() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for body in [
        r#"{"error":"the words"}"#,
        r#"{"message":"the words"}"#,
        r#"{"detail":"the words"}"#,
        r#"{"object":"error","message":"the words","type":"BadRequestError","code":400}"#,
        r#"[{"error":{"code":400,"message":"the words","status":"INVALID_ARGUMENT"}}]"#,
        r#"{"code":"InvalidParameter","message":"the words","request_id":"1"}"#,
        "the words",
    ] {
        upstream.script(Script::answer(400, "application/json", body));
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.status(), 400, "{body}");
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().unwrap().contains("the words"), "{body} became {error}");
        assert!(error["code"].is_string() || error["code"].is_null(), "{error}");
    }
    // Nothing to quote, and still an error that says something.
    for body in ["", "<html><body><h1>502 Bad Gateway</h1></body></html>"] {
        upstream.script(Script::answer(502, "text/html", body));
        let answer = sidecar.chat(&chat::request(false)).await;
        assert_eq!(answer.status(), 502, "{}", answer.text());
        assert!(!answer.json()["error"]["message"].as_str().unwrap().is_empty());
        assert!(!answer.text().contains("<html>"), "{}", answer.text());
    }
}

//! What crosses the data listener and what does not.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::{Setting, Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn s07_nothing_that_evaluates_templates_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (lock, deny) = (fs::read_to_string(root.join("Cargo.lock")).unwrap(), fs::read_to_string(root.join("deny.toml")).unwrap());
    for engine in ["tera", "minijinja", "handlebars", "rhai"] {
        assert!(!lock.contains(&format!("name = \"{engine}\"")), "{engine} is built in");
        assert!(deny.contains(&format!("crate = \"{engine}\"")), "{engine} is not banned");
    }
}

#[tokio::test]
async fn s10_proxies_of_the_environment_are_not_asked() {
    let (upstream, evil) = (Upstream::start().await, Upstream::start().await);
    upstream.always(Script::json(200, &chat::completion("hello")));
    let there = format!("http://{}", evil.address);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let env = names.map(|name| (name.to_owned(), there.clone())).to_vec();
    let sidecar = Sidecar::start_in(&provider("openai_compatible", &upstream, ""), &Setting { env, ..Default::default() }).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert_eq!((upstream.count(), evil.record().connections), (1, 0));
}

#[tokio::test]
async fn s11_to_s13_only_listed_headers_cross() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let outward = [
        "cookie",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "proxy-authorization",
        "proxy-connection",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "forwarded",
        "via",
        "x-internal",
        "x-internal-token",
        "x-amz-security-token",
        "x-auth-token",
        "x-csrf-token",
        "x-llm-client-key",
        "referer",
        "origin",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "te",
        "trailer",
        "keep-alive",
        "x-base-url",
        "x-stainless-os",
        "x-stainless-retry-count",
        "x-portkey-config",
        "x-portkey-custom-host",
        "helicone-auth",
        "litellm-api-base",
        "if-none-match",
        "range",
        "from",
        "dnt",
        "sec-fetch-site",
        "x-secret",
        "x-b3-traceid",
    ];
    assert_eq!(outward.len(), 40);
    let back = [
        "set-cookie",
        "server",
        "alt-svc",
        "via",
        "x-powered-by",
        "openai-organization",
        "openai-project",
        "x-request-id-internal",
        "cf-ray",
        "cf-cache-status",
        "strict-transport-security",
        "nel",
        "report-to",
        "x-envoy-upstream-service-time",
        "x-amzn-requestid",
        "location",
        "www-authenticate",
        "proxy-authenticate",
        "keep-alive",
        "x-served-by",
        "x-cache",
        "x-timer",
        "age",
        "etag",
        "last-modified",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "x-internal-host",
        "anthropic-organization-id",
        "refresh",
    ];
    assert_eq!(back.len(), 30);
    let body = chat::completion("hello").to_string();
    let length = body.len().to_string();
    let mut head = vec![("content-type", "application/json"), ("content-length", length.as_str())];
    head.extend(back.map(|name| (name, "leak-of-vendor")));
    upstream.always(Script::head(200, &head).raw(&body));
    let mut sent = vec![("connection", "x-secret, authorization, host, content-length"), ("authorization", "Bearer of-the-client")];
    sent.extend(outward.map(|name| (name, "leak-of-client")));
    let answer = sidecar.post_with(CHAT, &sent, &chat::request(false)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(!format!("{:?}", answer.head).contains("leak"), "{:?}", answer.head);
    let request = &upstream.requests()[0];
    let allowed = [
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "user-agent",
        "accept-encoding",
        "traceparent",
        "idempotency-key",
        "x-client-request-id",
    ];
    for name in request.names() {
        assert!(allowed.contains(&name), "{name} went out");
        assert!(!request.header(name).unwrap().contains("leak"), "{name} went out");
    }
    assert_eq!(request.header("authorization"), Some("Bearer sk-canary-0123456789"));
    assert_eq!(request.header("host"), Some(upstream.address.to_string().as_str()));
}

#[tokio::test]
async fn s14_paths_that_are_none_are_refused() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let tricks = [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%252E.",
        ".",
        "%2e",
        "%252e",
        "%2f",
        "%2F",
        "%252f",
        "%5c",
        "%5C",
        "%255c",
        "%00",
        "%2500",
        ";",
        "..;",
        "..%00",
        "..%2f..",
        "..%5c..",
        "%2e%2e%2f",
        "%2e%2e%5c",
        "%3b",
        "%253b",
    ];
    let mut tried = 0;
    for trick in tricks {
        // Behind a letter, dots are part of a name like others.
        let is_dots = trick.replace("%25", "%").to_lowercase().replace("%2e", ".").chars().all(|c| c == '.');
        let mut paths = vec![format!("/v1/{trick}/admin"), format!("/v1/files/{trick}/x")];
        if !is_dots {
            paths.push(format!("/v1/files/a{trick}"));
        }
        for path in paths {
            for method in ["GET", "POST"] {
                let answer = sidecar.raw(format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).await;
                assert_eq!(answer.status(), 400, "{method} {path}: {}", answer.text());
                tried += 1;
            }
        }
    }
    for path in ["//v1/files", "/v1//files", "/v1/files//", "/v1\\files", "/v1/files\\..\\x"] {
        assert_eq!(sidecar.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await.status(), 400, "{path}");
    }
    assert!(tried >= 80, "{tried}");
    assert_eq!(upstream.record().connections, 0);
}

#[tokio::test]
async fn s15_a_request_is_not_traced() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for path in ["/", "/v1/chat/completions", "*"] {
        let answer = sidecar.raw(format!("TRACE {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer echo\r\n\r\n")).await;
        assert!([400, 405].contains(&answer.status()), "{path}: {}", answer.text());
        assert!(!answer.text().contains("echo"), "{}", answer.text());
    }
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let upgraded = sidecar.post_with(CHAT, &[("connection", "upgrade"), ("upgrade", "websocket")], &request).await;
    assert_eq!(upgraded.status(), 501, "{}", upgraded.text());
    assert_eq!(upstream.record().connections, 0);
}

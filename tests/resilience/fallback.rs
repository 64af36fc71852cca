//! Which failures lead to which fallback.

use serde_json::json;

use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{provider, refusal, request, stream};

/// One upstream for each target, all of whose fallbacks name what they help against.
async fn start() -> (Upstream, Vec<Upstream>, Sidecar) {
    let main = Upstream::start().await;
    let mut others = Vec::new();
    let mut providers = provider("main", &main, ", retry: {attempts: 3}, breaker: {enabled: false}");
    let mut fallback = Vec::new();
    for (name, on) in
        [("usual", None), ("larger", Some("context_window")), ("laxer", Some("content_policy")), ("roomier", Some("rate_limit"))]
    {
        let upstream = Upstream::start().await;
        upstream.always(stream(name));
        providers += &provider(name, &upstream, "");
        others.push(upstream);
        let on = on.map_or("error".to_owned(), str::to_owned);
        fallback.push(format!("{{provider: {name}, model: m, on: [{on}]}}"));
    }
    let yaml = format!(
        "providers:\n{providers}models:\n  chat: {{targets: [{{provider: main, model: m}}], fallback: [{}]}}\n",
        fallback.join(", ")
    );
    let sidecar = Sidecar::start(&yaml).await;
    (main, others, sidecar)
}

fn error(status: u16, code: &str, message: &str) -> Script {
    Script::json(status, &json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}}))
}

#[tokio::test]
async fn each_cause_has_its_own_fallback() {
    let (main, _others, sidecar) = start().await;
    for (script, by) in [
        (refusal(500, &[]), "usual"),
        (Script::default().rst(), "usual"),
        (refusal(429, &[]), "roomier"),
        (error(400, "context_length_exceeded", "This model's maximum context length is 8192 tokens"), "larger"),
        (error(400, "content_filter", "The response was filtered"), "laxer"),
    ] {
        main.script(script);
        let answer = sidecar.chat(&request("chat", true)).await;
        assert_eq!(answer.streamed_text(), by, "{}", answer.text());
        assert_eq!(answer.head.header("x-llm-attempts"), Some("2"));
        assert_eq!(answer.head.header("x-llm-provider"), Some(by));
    }
}

#[tokio::test]
async fn a_cause_that_no_fallback_helps_against_is_told() {
    let (main, others, sidecar) = start().await;
    main.script(error(400, "invalid_value", "`temperature` is wrong"));
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!(answer.status(), 400);
    assert!(others.iter().all(|other| other.requests().is_empty()));
}

#[tokio::test]
async fn without_a_rule_a_long_prompt_and_a_refused_one_go_nowhere_else() {
    let (main, other) = (Upstream::start().await, Upstream::start().await);
    other.always(stream("other"));
    let yaml = format!(
        "providers:\n{}{}models:\n  chat: {{targets: [{{provider: main, model: m}}], fallback: [{{provider: other, model: m}}]}}\n",
        provider("main", &main, ""),
        provider("other", &other, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    for code in ["context_length_exceeded", "content_filter"] {
        main.script(error(400, code, "no"));
        assert_eq!(sidecar.chat(&request("chat", true)).await.status(), 400);
    }
    assert_eq!(other.requests().len(), 0);
}

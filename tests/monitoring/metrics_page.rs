//! `/metrics` in the form the scraper asks for.

use crate::support::chat;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

async fn page(sidecar: &Sidecar, accept: &str) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    client.send(format!("GET /metrics HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n\r\n")).await;
    client.answer().await
}

#[tokio::test]
async fn old_scrapers_get_the_old_form() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.script(Script::json(200, &chat::completion("hello")));
    sidecar.chat(&chat::request(false)).await;
    sidecar.wait_metric("llm_requests_total", 1.0).await;

    let new = page(&sidecar, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1").await;
    assert!(new.head.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(new.text().contains("# TYPE llm_requests counter\n"));
    assert!(new.text().ends_with("# EOF\n"));
    let old = page(&sidecar, "text/plain;version=0.0.4").await;
    assert!(old.head.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(old.text().contains("# TYPE llm_requests_total counter\n"));
    assert!(!old.text().contains("# EOF"));
    let samples = |text: String| text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples(new.text()), samples(old.text()));
}

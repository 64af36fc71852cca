//! R19: a process that has as many connections as it may, or no descriptors left, neither hangs nor spins.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::support::chat;
use crate::support::client::Client;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::{Setting, Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::{descriptors, volume};

const CONNECTIONS: usize = 1000;
/// What `ulimit -n 256` allows: half of what is left beside the sidecar's own.
const PLACES: usize = 96;
/// One of the data listener's accept loops each.
const WORKERS: usize = 2;

async fn start(limit: usize, more: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let setting = Setting { before: format!("ulimit -n {limit}"), ..Setting::default() };
    let yaml = provider("openai_compatible", &upstream, &format!("server: {{workers: {WORKERS}, {more}}}"));
    (upstream, Sidecar::start_in(&yaml, &setting).await)
}

/// Connections on which nothing is said.
async fn crowd(sidecar: &Sidecar, count: usize) -> Vec<TcpStream> {
    many(count, 50, async |_| TcpStream::connect(sidecar.data).await.unwrap()).await
}

/// Demands that the admin listener answers at once, and that nothing spins.
async fn is_calm(row: &str, sidecar: &Sidecar) {
    let (started, before) = (Instant::now(), sidecar.processor_time());
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(Client::connect(sidecar.admin).await.get("/healthz").await.status(), 200);
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let part = (sidecar.processor_time() - before).as_secs_f64() / started.elapsed().as_secs_f64();
    tell(row, format_args!("/healthz within {slowest:?}, {:.0} % of a core", part * 100.0));
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert!(part < 0.2, "{part}");
}

/// Sends away the crowd; tells how long it takes until a request is answered again, and how.
async fn relief(row: &str, sidecar: &Sidecar, crowd: Vec<TcpStream>) -> Told {
    drop(crowd);
    let told = Ask::new("after", false).says("hello").of(sidecar).await;
    tell(row, format_args!("answers again after {:?}", told.took));
    assert_eq!(told.status(), 200, "{told:?}");
    assert!(told.took < Duration::from_secs(1), "{told:?}");
    told
}

#[tokio::test]
async fn r19_connections_beyond_the_most_wait_for_one_to_end() {
    let _turn = turn::alone().await;
    let (upstream, sidecar) = start(256, "keep_alive: 60s").await;
    let count = volume(CONNECTIONS).max(200).min(descriptors());
    let crowd = crowd(&sidecar, count).await;
    sidecar.wait_metric("llm_connections", PLACES as f64).await;
    is_calm("R19", &sidecar).await;
    let stalls = sidecar.metric("llm_accept_errors_total").await;
    tell("R19", format_args!("{count} connections, {PLACES} of them served, {stalls} stalls"));
    assert!((1.0..=WORKERS as f64).contains(&stalls), "{stalls} stalls are counted");
    let told = relief("R19", &sidecar, crowd).await;
    invariants::check(&sidecar, &[&upstream], &[told]).await;
}

#[tokio::test]
async fn r19_every_connection_can_have_one_to_a_vendor() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = start(256, "keep_alive: 60s").await;
    upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).never());
    let (mut clients, mut told) = (Vec::new(), Vec::new());
    for round in 0..PLACES {
        let ask = Ask::new(format!("{round}"), true);
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        assert_eq!(client.head().await.status, 200, "{round}");
        clients.push(client);
        told.push(ask.left());
    }
    assert_eq!(upstream.record().open, PLACES);
    assert_eq!(Client::connect(sidecar.admin).await.get("/healthz").await.status(), 200);
    sidecar.wait_metric("llm_accept_errors_total", 0.0).await;
    drop(clients);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r19_without_descriptors_the_admin_listener_still_answers() {
    let _turn = turn::alone().await;
    // More connections are allowed than there are descriptors for.
    let (upstream, sidecar) = start(96, "keep_alive: 60s, max_connections: 10000").await;
    let crowd = crowd(&sidecar, 300).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while sidecar.descriptors() < 96 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the descriptors to be used up");
    is_calm("R19 without descriptors", &sidecar).await;
    assert!(sidecar.metric("llm_accept_errors_total").await > 0.0);
    // The data listener tries to accept all the while: it must never get a descriptor that is the admin listener's.
    for _ in 0..2000 {
        assert_eq!(Client::connect(sidecar.admin).await.get("/healthz").await.status(), 200);
    }
    let told = relief("R19 without descriptors", &sidecar, crowd).await;
    invariants::check(&sidecar, &[&upstream], &[told]).await;
}

#[tokio::test]
async fn r19_who_waits_for_a_place_gets_it() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = start(256, "max_connections: 2").await;
    let mut told = Vec::new();
    let mut held = std::collections::VecDeque::from([sidecar.connect().await, sidecar.connect().await]);
    sidecar.wait_metric("llm_connections", 2.0).await;
    for round in 0..volume(500) {
        let ask = Ask::new(format!("{round}"), false).says("hello");
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        sidecar.wait_metric("llm_accept_errors_total", (round + 1) as f64).await;
        held.pop_front();
        let answer = client.try_answer().await;
        assert!(answer.is_some(), "round {round}: closed without an answer");
        held.push_back(client);
        told.push(Told { answer, left: false, ..ask.left() });
    }
    drop(held);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r19_a_raised_limit_lets_those_in_who_wait() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = start(256, "max_connections: 1").await;
    let first = sidecar.connect().await;
    sidecar.wait_metric("llm_connections", 1.0).await;
    let ask = Ask::new("second", false).says("hello");
    let mut second = sidecar.connect().await;
    ask.send(&mut second).await;
    sidecar.wait_metric("llm_accept_errors_total", 1.0).await;
    sidecar.edit_in_place(&provider("openai_compatible", &upstream, &format!("server: {{workers: {WORKERS}, max_connections: 2}}")));
    let answer = second.answer().await;
    drop((first, second));
    let told = Told { answer: Some(answer), left: false, ..ask.left() };
    invariants::check(&sidecar, &[&upstream], &[told]).await;
}

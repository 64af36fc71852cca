//! R18: what is too much is turned away early, and what was taken on is not slowed down by it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::client::Client;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::turn;

/// Requests at once, and how long the vendor takes for one: 200 requests a second at most.
const AT_ONCE: usize = 20;
const SERVICE: Duration = Duration::from_millis(100);
const SPAN: Duration = Duration::from_secs(3);
const TOO_MUCH: u32 = 3;

/// Connections that wait for their next request.
#[derive(Default)]
struct Idle(Mutex<Vec<Client>>);

impl Idle {
    async fn ask(&self, sidecar: &Sidecar, ask: Ask) -> Told {
        let kept = self.0.lock().await.pop();
        let mut client = match kept {
            Some(client) => client,
            None => sidecar.connect().await,
        };
        let told = ask.on(&mut client).await;
        self.0.lock().await.push(client);
        told
    }
}

/// As many clients as there may be requests, each asking again as soon as it is answered.
async fn closed_loop(sidecar: &Sidecar, name: &str, span: Duration) -> Vec<Told> {
    let started = Instant::now();
    let one = async |number: usize| {
        let mut client = sidecar.connect().await;
        let mut told = Vec::new();
        while started.elapsed() < span {
            told.push(Ask::new(format!("{name}-{number}-{}", told.len()), false).says("hello").on(&mut client).await);
        }
        told
    };
    many(AT_ONCE, AT_ONCE, one).await.concat()
}

fn good(told: &[Told]) -> usize {
    told.iter().filter(|told| told.status() == 200).count()
}

#[tokio::test]
async fn r18_goodput_stays_when_three_times_as_much_comes() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let answer = Script::json(200, &chat::completion("hello"));
    upstream.respond(move |_| Script::default().pause(SERVICE).and(answer.clone()));
    let sidecar = Arc::new(Sidecar::before(&upstream, &format!("server: {{max_requests: {AT_ONCE}}}")).await);
    let started = Instant::now();
    let mut told = closed_loop(&sidecar, "peak", SPAN).await;
    assert_eq!(good(&told), told.len());
    let peak = told.len() as f64 / started.elapsed().as_secs_f64();
    // Requests come at their own pace, whatever becomes of those before.
    let idle = Arc::new(Idle::default());
    let pace = Duration::from_secs_f64(1.0 / (peak * f64::from(TOO_MUCH)));
    let started = Instant::now();
    let mut flood = tokio::task::JoinSet::new();
    for number in 0.. {
        let at = started + pace * number;
        if at >= started + SPAN {
            break;
        }
        tokio::time::sleep_until(at).await;
        let (idle, sidecar) = (Arc::clone(&idle), Arc::clone(&sidecar));
        flood.spawn(async move { idle.ask(&sidecar, Ask::new(format!("flood-{number}"), false).says("hello")).await });
    }
    let flooded = flood.join_all().await;
    let took = started.elapsed();
    let goodput = good(&flooded) as f64 / took.as_secs_f64();
    let rejects: Vec<Duration> = flooded.iter().filter(|told| told.status() == 503).map(|told| told.took).collect();
    for reject in flooded.iter().filter(|told| told.status() != 200) {
        let answer = reject.answer.as_ref().unwrap();
        answer.assert_error(503, "overloaded_error", "overloaded");
        assert_eq!(answer.head.header("retry-after"), Some("1"));
    }
    idle.0.lock().await.clear();
    let after = closed_loop(&sidecar, "after", Duration::from_secs(1)).await;
    tell(
        "R18",
        format_args!(
            "{peak:.0}/s at most; with {} at {TOO_MUCH} times that {goodput:.0}/s, {} turned away within {:?} at p99; then {:.0}/s",
            flooded.len(),
            rejects.len(),
            percentile(&rejects, 99),
            good(&after) as f64
        ),
    );
    assert!(goodput >= 0.9 * peak, "{goodput} of {peak}");
    assert!(rejects.len() > flooded.len() / 3, "{} of {}", rejects.len(), flooded.len());
    // 5 ms on an idle machine.
    assert!(percentile(&rejects, 99) < Duration::from_millis(200), "{:?}", percentile(&rejects, 99));
    assert_eq!(good(&after), after.len(), "not recovered");
    sidecar.wait_metric("llm_shed_total{reason=\"requests\"}", rejects.len() as f64).await;
    told.extend(flooded.into_iter().chain(after));
    invariants::check(&sidecar, &[&upstream], &told).await;
}

/// Starts so that a vendor may be silent for long.
async fn patient(upstream: &Upstream, server: &str) -> Sidecar {
    let yaml = provider("openai_compatible", upstream, &format!("server: {{{server}}}"));
    Sidecar::start(&yaml.replace("first_token: 5s, idle: 5s, total: 20s", "first_token: 2m, idle: 2m, total: 2m")).await
}

#[tokio::test]
async fn r18_memory_that_runs_out_closes_connections_and_then_turns_requests_away() {
    /// What a request holds while its vendor is silent; less of it when memory is nearly used up.
    const BODY: usize = 1 << 20;
    const LAST_BODY: usize = 512 << 10;
    const MEMORY: usize = 64;
    /// Memory is measured four times a second.
    const MEASURED: Duration = Duration::from_millis(300);
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let sidecar = patient(&upstream, &format!("max_memory: {MEMORY}MiB")).await;
    upstream.respond(|seen| {
        if seen.user().is_some_and(|user| user.starts_with("held")) {
            Script::silent()
        } else {
            Script::json(200, &chat::completion("hello"))
        }
    });
    let small = |number: usize| Ask::new(format!("small-{number}"), false);
    let mut told = vec![small(0).of(&sidecar).await];
    assert_eq!(told[0].status(), 200);
    let mut held = Vec::new();
    let mut closing = false;
    // Each holds its body; between them a small one tells how things are.
    let shed = loop {
        let (nearly, used) = (MEMORY * 1024 * 86 / 100, sidecar.resident());
        assert!(used < MEMORY * 1024 * 12 / 10, "never turned away, with {used} KiB");
        let number = held.len();
        let mut ask = Ask::new(format!("held-{number}"), false);
        ask.body["messages"] = json!([{"role": "user", "content": "x".repeat(if used < nearly { BODY } else { LAST_BODY })}]);
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        held.push(client);
        told.push(ask.left());
        tokio::time::sleep(if used < nearly { Duration::from_millis(20) } else { MEASURED }).await;
        let one = small(number + 1).of(&sidecar).await;
        let answer = one.answer.clone().unwrap();
        told.push(one);
        closing |= answer.status() == 200 && answer.head.header("connection") == Some("close");
        if answer.status() == 503 {
            break answer;
        }
    };
    shed.assert_error(503, "overloaded_error", "overloaded");
    assert_eq!((shed.head.header("retry-after"), shed.head.header("connection")), (Some("1"), Some("close")));
    assert!(closing, "connections did not close before requests were turned away");
    tell("R18", format_args!("turned away with {} KiB of {} KiB in use", sidecar.resident(), MEMORY << 10));
    drop(held);
    let released = Instant::now();
    let mut number = told.len();
    loop {
        let one = small(number + 1000).of(&sidecar).await;
        let status = one.status();
        told.push(one);
        if status == 200 {
            break;
        }
        assert!(released.elapsed() < Duration::from_secs(2), "not recovered, with {} KiB", sidecar.resident());
        number += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tell("R18", format_args!("recovered after {:?}", released.elapsed()));
    assert!(sidecar.metric("llm_shed_total{reason=\"memory\"}").await >= 1.0);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r18_who_is_turned_away_while_still_sending_reads_why() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start().await;
    upstream.always(Script::silent());
    let sidecar = patient(&upstream, "max_requests: 1").await;
    let holding = Ask::new("holding", false);
    let mut holder = sidecar.connect().await;
    holding.send(&mut holder).await;
    upstream.wait_requests(1).await;
    let mut told = vec![holding.left()];
    for round in 0..8 {
        let mut ask = Ask::new(format!("{round}"), false);
        ask.body["messages"] = json!([{"role": "user", "content": "x".repeat(2 << 20)}]);
        let mut client = sidecar.connect().await;
        let one = ask.on(&mut client).await;
        let answer = one.answer.as_ref().unwrap_or_else(|| panic!("round {round}: reset before the answer could be read"));
        answer.assert_error(503, "overloaded_error", "overloaded");
        told.push(one);
    }
    drop(holder);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

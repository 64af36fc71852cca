//! R34 to R36: reloads are not noticed, take over all or nothing, and leave requests under way what they began with.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::ask::Ask;
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::client::Client;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Gate, Script, Upstream};
use crate::support::within;
use crate::turn;
use crate::volume::volume;

const RELOADS: usize = 1000;
const TOKEN: &str = "operator-token-1";
const CLIENTS: usize = 4;
/// Of each client between two requests: 500 requests a second in all, as far as the machine can.
const PACE: Duration = Duration::from_millis(8);

fn config(upstream: &Upstream, alias: &str) -> String {
    let more = format!(
        "models: {{{alias}: {{targets: [{{provider: vendor, model: m}}]}}}}\n\
         admin: {{listen: 127.0.0.1:0, tokens: [{{name: ops, role: operator, token: {TOKEN}}}]}}"
    );
    provider("openai_compatible", upstream, &more)
}

async fn admin(sidecar: &Sidecar, method: &str, path: &str) -> (u16, Value) {
    let mut client = Client::connect(sidecar.admin).await;
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 0\r\n\r\n")).await;
    let answer = client.answer().await;
    (answer.status(), answer.json())
}

async fn reload(sidecar: &Sidecar) -> (u16, Value) {
    admin(sidecar, "POST", "/api/v1/config/reload").await
}

/// Requests at a steady pace until `stop`.
async fn load(sidecar: Arc<Sidecar>, name: &'static str, stop: Arc<AtomicBool>) -> Vec<Told> {
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let (sidecar, stop) = (Arc::clone(&sidecar), Arc::clone(&stop));
        clients.spawn(async move {
            let mut client = sidecar.connect().await;
            let mut told = Vec::new();
            let mut pace = tokio::time::interval(PACE);
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let ask = Ask::new(format!("{name}-{number}-{}", told.len()), false).model("steady").says("hello");
                told.push(ask.on(&mut client).await);
            }
            told
        });
    }
    clients.join_all().await.concat()
}

#[tokio::test]
async fn r34_a_storm_of_reloads_costs_no_request_and_no_memory() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Arc::new(Sidecar::start_mounted(&config(&upstream, "steady")).await);
    let stop = Arc::new(AtomicBool::new(false));
    let calm = tokio::spawn(load(Arc::clone(&sidecar), "calm", Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    let calm = calm.await.unwrap();
    stop.store(false, Ordering::Relaxed);
    let stormy = tokio::spawn(load(Arc::clone(&sidecar), "storm", Arc::clone(&stop)));
    let (mut settled, mut refused) = (0, 0);
    let reloads = volume(RELOADS);
    for round in 1..=reloads {
        // A tenth of them of an invalid file, and as many repair it; by a swap of the linked folder.
        let generation = u32::try_from(round).unwrap() + 1;
        if round.is_multiple_of(10) {
            sidecar.edit_mounted(generation, "providers: [");
        } else if round % 10 == 1 {
            sidecar.edit_mounted(generation, &config(&upstream, "steady"));
        }
        let (status, _) = reload(&sidecar).await;
        refused += usize::from(status == 422);
        assert_eq!(status, if round.is_multiple_of(10) { 422 } else { 200 }, "reload {round}");
        if round == reloads.div_ceil(4) {
            settled = sidecar.memory();
        }
    }
    let grown = sidecar.memory().saturating_sub(settled);
    stop.store(true, Ordering::Relaxed);
    let stormy = stormy.await.unwrap();
    let p99 = |told: &[Told]| percentile(&told.iter().map(|told| told.took).collect::<Vec<_>>(), 99);
    let (was, is) = (p99(&calm), p99(&stormy));
    let told: Vec<Told> = calm.into_iter().chain(stormy).collect();
    tell(
        "R34",
        format_args!("{reloads} reloads, {refused} refused; {} requests, p99 {is:?}, was {was:?}; memory +{grown} KiB", told.len()),
    );
    assert!(told.iter().all(|told| told.status() == 200));
    assert_eq!(refused, reloads / 10);
    // A fifth more on an idle machine; here reloads run on the cores that serve.
    assert!(is < was * 3 + Duration::from_millis(30), "{is:?}, was {was:?}");
    assert!(grown < 6144, "memory grew by {grown} KiB over three quarters of the storm");
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r35_a_load_that_fails_at_any_step_changes_nothing() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::start(&config(&upstream, "first")).await;
    fs::write(sidecar.directory().join("garbage.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let (_, before) = admin(&sidecar, "GET", "/api/v1/config/status").await;
    // All of them also rename the alias, which must not be seen.
    let valid = config(&upstream, "second");
    let in_provider = |line: &str| valid.replace("    models: [m]\n", &format!("    models: [m]\n    {line}\n"));
    let faults = [
        ("reading", format!("{valid}include: [nowhere.yaml]\n")),
        ("parsing", format!("{valid}log: [\n")),
        ("keys", format!("{valid}no_such_key: 1\n")),
        ("repeated keys", format!("{valid}admin: {{}}\n")),
        ("the environment", in_provider("organization: ${NO_SUCH_VARIABLE}")),
        ("secrets", valid.replace("sk-canary-0123456789", "\"${file:nowhere}\"")),
        ("values", in_provider("organization: \"a\\nb\"")),
        ("references", valid.replace("provider: vendor", "provider: nobody")),
        ("addresses", valid.replace("base_url: http://", "base_url: ftp://")),
        ("patterns", format!("{valid}clients: [{{name: a, key: client-key-1, models: [\"[\"]}}]\n")),
        ("quirks", in_provider("quirks: {no_such_quirk: 1}")),
        ("certificates", in_provider("tls: {ca: garbage.pem}").replace("base_url: http://", "base_url: https://")),
    ];
    let count = faults.len();
    let mut told = Vec::new();
    for (step, yaml) in faults {
        let logged = sidecar.log().len();
        sidecar.edit_in_place(&yaml);
        let (status, now) = reload(&sidecar).await;
        assert_eq!(status, 422, "{step}: {now}");
        assert_eq!((&now["hash"], &now["generation"]), (&before["hash"], &before["generation"]), "{step}");
        let errors = now["errors"].as_array().unwrap();
        assert!(!errors.is_empty() && now["in_sync"] == false, "{step}: {now}");
        sidecar.wait_metric("llm_config_in_sync", 0.0).await;
        let lines = || {
            let lines = sidecar.log_after(logged).into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            lines.filter(|line| line["level"] == "ERROR").count()
        };
        within("the log to tell the errors", async {
            while lines() < errors.len() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(lines(), errors.len(), "{step}: one line for each error");
        for (alias, expected) in [("first", 200), ("second", 404)] {
            let one = Ask::new(format!("{step} {alias}"), false).model(alias).of(&sidecar).await;
            assert_eq!(one.status(), expected, "{step}: {one:?}");
            told.push(one);
        }
    }
    sidecar.edit_in_place(&valid);
    assert_eq!(reload(&sidecar).await.0, 200);
    sidecar.wait_metric("llm_config_in_sync", 1.0).await;
    told.push(Ask::new("repaired", false).model("second").says("hello").of(&sidecar).await);
    assert_eq!(told.last().unwrap().status(), 200);
    tell("R35", format_args!("{count} steps of a load failed, nothing changed"));
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r36_a_stream_goes_on_while_its_provider_is_deleted_again_and_again() {
    let _turn = turn::shared().await;
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    other.always(Script::json(200, &chat::completion("other")));
    let gate = Gate::default();
    let begun = Script::sse().data(chat::role()).data(chat::text("begun")).gate(&gate);
    upstream.script(begun.data(chat::text(" ended")).data(chat::finish()).data("[DONE]").end());
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::start(&config(&upstream, "first")).await;
    let long = Ask::new("long", true).model("first").says("begun ended");
    let mut client = sidecar.connect().await;
    long.send(&mut client).await;
    let head = client.head().await;
    let first = client.piece().await.unwrap();
    let mut told = Vec::new();
    let reloads = volume(100);
    for round in 0..reloads {
        let (upstream, alias) = if round.is_multiple_of(2) { (&other, "second") } else { (&upstream, "third") };
        sidecar.edit_in_place(&config(upstream, alias).replace("vendor", &format!("provider-{round}")));
        assert_eq!(reload(&sidecar).await.0, 200);
        for (alias, expected) in [("first", 404), (alias, 200)] {
            let one = Ask::new(format!("{round} {alias}"), false).model(alias).of(&sidecar).await;
            assert_eq!(one.status(), expected, "{one:?}");
            told.push(one);
        }
    }
    gate.open();
    let (rest, end) = client.rest().await;
    drop(client);
    let answer = crate::support::client::Answer { head, body: [first, rest].concat(), end };
    answer.assert_whole();
    let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["provider"], &line["model"]), (&json!("vendor"), &json!("first")), "{line}");
    told.push(Told { answer: Some(answer), left: false, ..long.left() });
    tell("R36", format_args!("a stream over {reloads} reloads without its provider is whole"));
    invariants::check(&sidecar, &[&upstream, &other], &told).await;
}

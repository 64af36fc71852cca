//! R07: clients that do not read hold the vendor back, take little memory, and do not slow others down.

use std::time::Duration;

use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

const READERS: usize = 200;
/// Memory of a stalled stream, in KiB.
const MEMORY: usize = 256;
const OTHERS: usize = 300;

/// The times to the first content of short streams.
async fn others(sidecar: &Sidecar, upstream: &Upstream, name: &str) -> (Vec<Duration>, Vec<Told>) {
    let count = volume(OTHERS);
    let one = async |round: usize| {
        upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
        let ask = Ask::new(format!("{name}-{round}"), true).says("hello");
        let mut client = sidecar.connect().await;
        let started = Instant::now();
        ask.send(&mut client).await;
        let head = client.head().await;
        let first = client.piece().await.unwrap();
        let took = started.elapsed();
        let (rest, end) = client.rest().await;
        let answer = crate::support::client::Answer { head, body: [first, rest].concat(), end };
        answer.assert_whole();
        (took, Told { answer: Some(answer), left: false, took, ..ask.left() })
    };
    many(count, 1, one).await.into_iter().unzip()
}

#[tokio::test]
async fn r07_clients_that_do_not_read_hold_the_vendor_back() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {write_timeout: 3s}").await;
    upstream.always(Script::sse().data(chat::role()).endless(format!("data: {}\n\n", chat::text(&"x".repeat(4 << 10)))));
    // Code that runs for the first time takes memory once, too.
    let (before, mut told) = others(&sidecar, &upstream, "before").await;
    let memory = sidecar.memory();
    let readers = volume(READERS);
    let mut clients = Vec::new();
    for round in 0..readers {
        let ask = Ask::new(format!("reader-{round}"), true);
        let mut client = sidecar.connect().await;
        client.take_little();
        ask.send(&mut client).await;
        assert_eq!(client.head().await.status, 200);
        clients.push(client);
        told.push(ask.left());
    }
    // The vendors can write until every buffer on the way is full, and then no more.
    let mut written = upstream.record().written;
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = upstream.record().written;
        if now == written {
            break;
        }
        written = now;
    }
    let grown = sidecar.memory().saturating_sub(memory);
    let (meanwhile, more) = others(&sidecar, &upstream, "meanwhile").await;
    told.extend(more);
    let p99 = (percentile(&before, 99), percentile(&meanwhile, 99));
    tell(
        "R07",
        format_args!("{readers} stalled readers: {} KiB each, first content of others p99 {:?}, was {:?}", grown / readers, p99.1, p99.0),
    );
    assert!(grown < readers * MEMORY, "{grown} KiB for {readers} streams");
    // 5 ms on an idle machine. Had they to wait for the readers, it would be seconds.
    assert!(p99.1 < p99.0 * 2 + Duration::from_millis(500), "{p99:?}");
    // In the end the readers are given up, and their vendors with them.
    upstream.wait_closed(readers).await;
    sidecar.wait_idle().await;
    drop(clients);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

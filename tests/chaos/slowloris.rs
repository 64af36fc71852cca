//! R20: clients that send next to nothing are closed in time, and the others notice little of them.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Identity, Script, Upstream};
use crate::turn;
use crate::volume::{descriptors, volume};

const CLIENTS: usize = 2000;
const TLS: usize = 200;
const GOOD: usize = 1000;
const LIMIT: Duration = Duration::from_secs(2);
/// The handshake's own.
const TLS_LIMIT: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(400);

/// Sends `first`, then a byte now and then; tells when the peer closed.
async fn drip(address: std::net::SocketAddr, first: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let started = Instant::now();
    let _ = stream.write_all(first).await;
    let mut seen = [0; 512];
    loop {
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut seen);
        match tokio::time::timeout(PACE, read).await {
            Ok(Ok(0) | Err(_)) => return started.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) => {
                let _ = stream.write_all(b"a").await;
            }
        }
        assert!(started.elapsed() < Duration::from_secs(30), "never closed");
    }
}

/// Requests one after the other on connections that are kept; tells their times.
async fn good(sidecar: &Sidecar, name: &str, times: usize) -> Vec<Told> {
    let one = async |number: usize| {
        let mut client = sidecar.connect().await;
        let mut told = Vec::new();
        for round in 0..times {
            told.push(Ask::new(format!("{name}-{number}-{round}"), false).says("hello").on(&mut client).await);
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        told
    };
    many(2, 2, one).await.concat()
}

fn p99(told: &[Told]) -> Duration {
    percentile(&told.iter().map(|told| told.took).collect::<Vec<_>>(), 99)
}

#[tokio::test]
async fn r20_slow_clients_are_closed_in_time() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::before(&upstream, "server: {header_timeout: 2s, body_timeout: 2s, keep_alive: 2s}").await;
    let count = volume(CLIENTS).min(descriptors());
    let body = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let kinds =
        [("head", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: "), ("body", body), ("preface", "PRI * HT"), ("nothing", "")];
    let before = good(&sidecar, "before", volume(GOOD) / 4).await;
    let slow = many(count, count, async |number| drip(sidecar.data, kinds[number % kinds.len()].1.as_bytes()).await);
    let (times, meanwhile) = tokio::join!(slow, good(&sidecar, "meanwhile", volume(GOOD) / 4));
    let last = percentile(&times, 100);
    let (was, is) = (p99(&before), p99(&meanwhile));
    tell("R20", format_args!("{count} slow clients closed within {last:?}, limit {LIMIT:?}; the others' p99 {is:?}, was {was:?}"));
    // A client that has said nothing for its first pace is in its head from then on.
    assert!(last < LIMIT + PACE + Duration::from_secs(1), "{last:?}");
    // Twice on an idle machine; here the slow ones' own work is on the same cores.
    assert!(is < was * 4 + Duration::from_millis(25), "{is:?}, was {was:?}");
    let bodies = (0..count).filter(|number| number % kinds.len() == 1).map(|number| Ask::new(format!("slow-{number}"), false).left());
    let told: Vec<Told> = before.into_iter().chain(meanwhile).chain(bodies).collect();
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r20_slow_handshakes_are_closed_in_time() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start().await;
    let identity = Identity::new(&[]);
    let (cert, key) = identity.files();
    let sidecar =
        Sidecar::start(&provider("openai_compatible", &upstream, &format!("tls: {{cert: {}, key: {}}}", cert.display(), key.display())))
            .await;
    let count = volume(TLS).min(descriptors());
    // The beginning of a ClientHello, and nothing at all.
    let hello: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let times = many(count, count, async |number| drip(sidecar.data, if number % 2 == 0 { hello } else { &[] }).await).await;
    let last = percentile(&times, 100);
    tell("R20", format_args!("{count} slow handshakes closed within {last:?}, limit {TLS_LIMIT:?}"));
    assert!(last < TLS_LIMIT + Duration::from_secs(1), "{last:?}");
    invariants::check(&sidecar, &[&upstream], &[]).await;
}

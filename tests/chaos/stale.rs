//! R40: connections that the vendor gives up just as they are used. A request is sent again only where the vendor cannot have
//! worked on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::support::chat;
use crate::support::invariants::{self, Told};
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Gate, How, Http2Script, Http2Upstream, Last, Script, Upstream, code};
use crate::turn;
use crate::volume::volume;

const REQUESTS: usize = 20_000;
const HTTP2: usize = 5000;
const AT_ONCE: usize = 16;

/// How often each request was answered by a vendor, that is, worked on.
#[derive(Clone, Default)]
struct Work(Arc<Mutex<HashMap<String, usize>>>);

impl Work {
    fn done(&self, id: String) {
        *self.0.lock().unwrap().entry(id).or_default() += 1;
    }

    /// Demands that nothing was done twice; tells for how many requests something was.
    fn once(&self) -> usize {
        let work = self.0.lock().unwrap();
        let twice: Vec<_> = work.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "worked on twice: {twice:?}");
        work.len()
    }
}

fn with_status(told: &[Told], status: u16) -> usize {
    told.iter().filter(|told| told.status() == status).count()
}

#[tokio::test]
async fn r40_http1_connections_closed_at_random_send_nothing_twice() {
    let _turn = turn::shared().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: sk-canary-0123456789, models: [m], {NO_BREAKER}, \
         retry: {{attempts: 3, backoff: 1ms..2ms, budget: 100%}}}}\n",
        upstream.address
    ))
    .await;
    let work = Work::default();
    let doing = work.clone();
    upstream.respond(move |seen| {
        doing.done(seen.user().unwrap());
        let answer = Script::json(200, &chat::completion("hello"));
        // Closed at once, or about when the next request is on its way.
        match fastrand::u32(0..6) {
            0 => answer.fin(),
            1 | 2 => answer.close_idle(Duration::from_micros(fastrand::u64(100..3000)), How::Fin),
            3 => answer.close_idle(Duration::from_micros(fastrand::u64(500..3000)), How::Rst),
            _ => answer,
        }
    });
    let rounds = volume(REQUESTS) / AT_ONCE;
    let one = async |number: usize| {
        let mut client = sidecar.connect().await;
        let mut told = Vec::new();
        for round in 0..rounds {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..2000))).await;
            told.push(Ask::new(format!("{number}-{round}"), false).says("hello").on(&mut client).await);
        }
        told
    };
    let told = many(AT_ONCE, AT_ONCE, one).await.concat();
    work.once();
    let (good, reset) = (with_status(&told, 200), with_status(&told, 502));
    assert_eq!(good + reset, told.len());
    tell(
        "R40",
        format_args!(
            "HTTP/1.1: {} requests, {} connections, none sent twice, {reset} of them 502",
            told.len(),
            upstream.record().connections
        ),
    );
    // A request that crosses its connection's end may have been worked on. It is told as an error, not sent again; timers that
    // fire together make this much more frequent here than elsewhere: a third of the ends, the more the slower the build is. A pool that
    // did not notice that a connection has ended would lose a request with each.
    assert!(reset * 2 < upstream.record().hung_up, "{reset} of {}", upstream.record().hung_up);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

async fn http2(attempts: usize) -> (Http2Upstream, Sidecar) {
    let upstream = Http2Upstream::start().await;
    let more = format!("{NO_BREAKER}, retry: {{attempts: {attempts}, backoff: 1ms..2ms, budget: 100%}}");
    let sidecar = Sidecar::start(&format!("providers:\n{}server: {{workers: 1}}\n", upstream.provider("vendor", &more))).await;
    (upstream, sidecar)
}

#[tokio::test]
async fn r40_http2_streams_that_are_refused_are_sent_again_and_no_others() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = http2(10).await;
    let work = Work::default();
    // Requests that the vendor's doings may have cost: a connection's end all that are on it, a reset one.
    let lost = Arc::new(AtomicUsize::new(0));
    let (doing, losing) = (work.clone(), Arc::clone(&lost));
    upstream.respond(move |seen| {
        let answer = || Http2Script::json(200, &chat::completion("hello"));
        let kind = fastrand::u32(0..200);
        let may_be_lost = [AT_ONCE, AT_ONCE, 1, 1].get(kind as usize).copied().unwrap_or(0);
        losing.fetch_add(may_be_lost, Ordering::Relaxed);
        let script = match kind {
            10..30 => return Http2Script::default().reset(code::REFUSED_STREAM),
            30..40 => return Http2Script::default().go_away(Last::Before, code::NO_ERROR),
            // The connection ends, and with it every request on it: how far they were nobody knows.
            0 => return Http2Script::default().go_away(Last::Before, code::ENHANCE_YOUR_CALM).pause(Duration::from_millis(1)).fin(),
            1 => Http2Script::head(200, &[("content-type", "application/json")]).data("{\"id\":").fin(),
            40..45 => answer().go_away(Last::This, code::NO_ERROR),
            45..50 => Http2Script::default().go_away(Last::This, code::NO_ERROR).pause(Duration::from_millis(2)).and(answer()),
            2 => Http2Script::default().reset(code::INTERNAL_ERROR),
            3 => Http2Script::head(200, &[("content-type", "application/json")]).reset(code::CANCEL),
            _ => answer(),
        };
        doing.done(seen.user().unwrap());
        script
    });
    let told = many(volume(HTTP2), AT_ONCE, async |round| Ask::new(format!("{round}"), false).says("hello").of(&sidecar).await).await;
    let worked_on = work.once();
    let (good, bad) = (with_status(&told, 200), with_status(&told, 502));
    let record = upstream.record();
    tell(
        "R40",
        format_args!(
            "HTTP/2: {} requests, {} of them refused at first and sent again, {} connections, none worked on twice, {bad} of them 502",
            told.len(),
            record.refused.len(),
            record.connections
        ),
    );
    assert_eq!(good + bad, told.len());
    let lost = lost.load(Ordering::Relaxed);
    assert!(worked_on >= good && bad <= lost && !record.refused.is_empty(), "{worked_on} worked on, {bad} failed where {lost} may");
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r40_a_connection_that_is_going_away_takes_no_more_requests() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = http2(1).await;
    let gate = Gate::default();
    let begun = Http2Script::sse().data(format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello")));
    let rest = format!("data: {}\n\ndata: [DONE]\n\n", chat::finish());
    upstream.script(begun.go_away(Last::This, code::NO_ERROR).gate(&gate).data(rest).end());
    upstream.always(Http2Script::json(200, &chat::completion("hello")));
    let long = Ask::new("long", true).says("hello");
    let mut client = sidecar.connect().await;
    long.send(&mut client).await;
    let head = client.head().await;
    let first = client.piece().await.unwrap();
    // The long stream goes on; everything else finds another connection, without an attempt that fails.
    let mut told = many(20, 4, async |round| Ask::new(format!("{round}"), false).says("hello").of(&sidecar).await).await;
    assert_eq!(with_status(&told, 200), told.len(), "{told:#?}");
    gate.open();
    let (body, end) = client.rest().await;
    drop(client);
    let answer = crate::support::client::Answer { head, body: [first, body].concat(), end };
    answer.assert_whole();
    told.push(Told { answer: Some(answer), left: false, ..long.left() });
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r40_an_http2_stream_without_its_end_is_not_whole() {
    let _turn = turn::shared().await;
    let (upstream, sidecar) = http2(1).await;
    let begun = || Http2Script::sse().data(format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello")));
    upstream.script(begun().pause(Duration::from_millis(20)).fin());
    upstream.script(begun().reset(code::INTERNAL_ERROR));
    upstream.script(begun().go_away(Last::This, code::INTERNAL_ERROR).pause(Duration::from_millis(20)).fin());
    upstream.script(begun().reset(code::NO_ERROR));
    upstream.script(begun().end());
    let mut told = Vec::new();
    for (round, code) in ["upstream_reset", "upstream_reset", "upstream_reset", "upstream_stream_truncated", "upstream_stream_truncated"]
        .into_iter()
        .enumerate()
    {
        let one = Ask::new(format!("{round}"), true).says("hello").of(&sidecar).await;
        one.answer.as_ref().unwrap().assert_broken(code);
        told.push(one);
    }
    invariants::check(&sidecar, &[&upstream], &told).await;
}

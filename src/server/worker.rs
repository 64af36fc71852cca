//! A worker thread's loop: accept, serve, and at the end wait for what is under way.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::capacity::Capacity;
use super::connection;
use super::places::Place;
use crate::proxy::Worker;

/// After an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Between two rounds of housekeeping.
const TICK: Duration = Duration::from_millis(500);

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Running,
    /// No new connections; those that are open close after their answer.
    Closing,
    /// Open streams end with an error.
    Aborting,
}

/// Runs one worker until `phase` is past running and every connection has ended.
pub async fn run(
    worker: Arc<Worker>,
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
    capacity: Arc<Capacity>,
    mut phase: watch::Receiver<Phase>,
) {
    let turn = Arc::clone(&worker.turn);
    tokio::spawn(async move { turn.run().await });
    let mut listening = JoinSet::new();
    for listener in listeners {
        listening.spawn(accept(listener, Arc::clone(&worker), tls.clone(), Arc::clone(&capacity), phase.clone()));
    }
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                worker.pool.sweep();
                let now = tokio::time::Instant::now();
                worker.runtime.cache.sweep(now);
                worker.runtime.vault.sweep(now);
                worker.access_log.flush();
                if !worker.runtime.ledger.is_empty() {
                    // A disk may take its time.
                    let ledger = Arc::clone(&worker.runtime.ledger);
                    tokio::task::spawn_blocking(move || ledger.flush());
                }
            }
            () = closing(&mut phase) => break,
        }
    }
    while listening.join_next().await.is_some() {}
    worker.turn.flush();
}

async fn accept(
    listener: TcpListener,
    worker: Arc<Worker>,
    tls: Option<TlsAcceptor>,
    capacity: Arc<Capacity>,
    mut phase: watch::Receiver<Phase>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listener could not be used");
            return;
        }
    };
    let metrics = Arc::clone(&worker.runtime.metrics);
    let mut connections = JoinSet::new();
    let phases = phase.clone();
    let mut waiting = None;
    loop {
        tokio::select! {
            (stream, place) = next(&listener, &mut waiting, &worker, &capacity) => {
                let server = worker.runtime.snapshot().config.server;
                let open = metrics.connections.clone();
                open.inc();
                let open = Open(open);
                // `map` and not an async block, which would hold the future twice.
                let overload = Arc::clone(&capacity.overload);
                let serving = connection::serve(stream, tls.clone(), Arc::clone(&worker), overload, server, phases.clone());
                connections.spawn(serving.map(move |()| drop((open, place))));
            }
            Some(_) = connections.join_next() => {}
            () = closing(&mut phase) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection, when there is a place for it. One that finds none is held in `waiting` until a place is free, also when
/// this future is dropped meanwhile; those behind it wait in the listener's queue, where they need no descriptor.
async fn next(
    listener: &tokio::net::TcpListener,
    waiting: &mut Option<TcpStream>,
    worker: &Worker,
    capacity: &Capacity,
) -> (TcpStream, Place) {
    let metrics = &worker.runtime.metrics;
    let most = || capacity.max_connections(&worker.runtime.snapshot().config.server);
    loop {
        if waiting.is_some() {
            let place = capacity.places.take(most).await;
            if let Some(stream) = waiting.take() {
                return (stream, place);
            }
        }
        let stream = match capacity.spare.accept(listener).await {
            Ok(stream) => stream,
            Err(error) => {
                metrics.accept_errors.inc();
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Some(place) = capacity.places.try_take(most()) {
            return (stream, place);
        }
        metrics.accept_errors.inc();
        tracing::warn!(most = most(), "there are as many connections as there may be (server.max_connections); new ones wait");
        *waiting = Some(stream);
    }
}

/// Ends when the worker has to close.
async fn closing(phase: &mut watch::Receiver<Phase>) {
    // A sender that is gone means the process is ending.
    let _ = phase.wait_for(|phase| *phase != Phase::Running).await.map(drop);
}

/// Counts an open connection, also where serving it panics.
struct Open(prometheus_client::metrics::gauge::Gauge<i64, std::sync::atomic::AtomicI64>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

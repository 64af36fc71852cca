//! Accepts connections: HTTP/1.1 and HTTP/2 with prior knowledge, in plain text.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use super::files::Files;
use super::socket::{Reset, Socket};
use super::{Options, router};

/// At most this many requests are remembered for the directive `times`.
const MAX_REMEMBERED: usize = 10_000;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Simulator {
    pub(super) options: Options,
    pub(super) files: Mutex<Files>,
    /// How often each request has failed on demand.
    failures: Mutex<HashMap<u64, u32>>,
}

impl Simulator {
    /// Counts a failure of the request `key`. False once it has failed `times` times, after which counting starts again.
    pub(super) fn still_fails(&self, key: u64, times: u32) -> bool {
        let mut failures = self.failures.lock();
        if failures.len() >= MAX_REMEMBERED {
            failures.clear();
        }
        let count = failures.entry(key).or_insert(0);
        *count += 1;
        let fails = *count <= times;
        if !fails {
            failures.remove(&key);
        }
        fails
    }
}

/// Binds the address of `options` and serves it for ever.
pub async fn run(options: Options) -> io::Result<()> {
    serve(TcpListener::bind(options.listen).await?, options).await
}

/// Serves `listener` for ever. The address is logged, so that port 0 can be used.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    tracing::info!(listener = "simulator", address = %listener.local_addr()?, "listening");
    let simulator = Arc::new(Simulator { options, files: Mutex::default(), failures: Mutex::default() });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&simulator)));
            }
            Err(error) => {
                // Out of descriptors, or a peer that went away: waiting lets the one pass and does not harm in the other case.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, simulator: Arc<Simulator>) {
    // Without it small events wait for the peer's acknowledgement of the last one.
    let _ = stream.set_nodelay(true);
    let reset = Reset::default();
    let io = TokioIo::new(Socket::new(stream, reset.clone()));
    let service = service_fn(move |request| {
        let (simulator, reset) = (Arc::clone(&simulator), reset.clone());
        async move { Ok::<_, Infallible>(router::respond(simulator, request, reset).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    // A client that goes away, or a fault on demand, ends the connection with an error; neither is worth more than a note.
    if let Err(error) = builder.serve_connection(io, service).await {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_fails_the_asked_times_and_then_again_from_the_start() {
        let simulator = Simulator { options: Options::default(), files: Mutex::default(), failures: Mutex::default() };
        let fails: Vec<_> = (0..6).map(|_| simulator.still_fails(1, 2)).collect();
        assert_eq!(fails, [true, true, false, true, true, false]);
    }
}

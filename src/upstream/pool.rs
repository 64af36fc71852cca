//! Connections kept for the next request. Each worker thread has a pool of its own, because a connection belongs to the
//! reactor it was opened on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::body::{Body, RequestBody};
use super::connect::{Connected, connect};
use super::error::{SendError, SendErrorKind};
use super::http1::{Expect, Http1, Unanswered};
use super::http2::Http2;
use super::origin::Origin;
use super::turn::Turn;

/// Shorter than the keep-alive of common servers (60 to 75 s), so that a connection is rarely closed just as it is used.
const MAX_IDLE: Duration = Duration::from_secs(20);
/// Idle connections kept for one origin.
const MAX_IDLE_CONNECTIONS: usize = 512;

/// The connections of one worker.
#[derive(Default)]
pub struct Pool {
    origins: Mutex<HashMap<u64, Arc<OriginPool>>>,
    turn: Option<Arc<Turn>>,
}

/// The connections of one worker to one origin.
#[derive(Default)]
pub(super) struct OriginPool {
    /// The most recently used last.
    http1: Mutex<Vec<Http1>>,
    http2: Mutex<Vec<Http2>>,
    /// Held while a connection is opened to an origin that is known to speak HTTP/2, so that a burst opens one, not many.
    opening: tokio::sync::Mutex<()>,
}

impl Pool {
    /// A pool of connections that write at the end of turns.
    pub fn in_turns(turn: Arc<Turn>) -> Self {
        Self { turn: Some(turn), ..Self::default() }
    }

    /// Sends a request and waits for the answer's head. A connection is opened within `connect_limit` if none is free.
    pub async fn send(
        &self,
        origin: &Arc<Origin>,
        mut request: Box<Request<RequestBody>>,
        expect: Expect,
        connect_limit: Duration,
    ) -> Result<Response<Body>, SendError> {
        let pool = self.origin(origin.id);
        while let Some(connection) = pool.take() {
            match send_http1(connection, request, expect, &pool).await {
                Ok(response) => return Ok(response),
                Err(Unanswered { unsent: Some(unsent), .. }) => request = unsent,
                Err(Unanswered { error, .. }) => return Err(error),
            }
        }
        // In a box: the many requests that find a connection need not be as large as those that open one.
        self.send_anew(&pool, origin, request, expect, connect_limit).boxed().await
    }

    /// Closes what has been idle for too long. Called now and then by the worker.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.origins.lock().retain(|_, pool| {
            pool.http1.lock().retain_mut(|c| now - c.idle_since < MAX_IDLE && c.is_usable());
            pool.http2.lock().retain(|c| !(c.is_closed() || c.is_idle() && now - c.born > 10 * MAX_IDLE));
            Arc::strong_count(pool) > 1 || !pool.is_empty()
        });
    }

    /// Where there is no HTTP/1 connection.
    async fn send_anew(
        &self,
        pool: &Arc<OriginPool>,
        origin: &Origin,
        request: Box<Request<RequestBody>>,
        expect: Expect,
        connect_limit: Duration,
    ) -> Result<Response<Body>, SendError> {
        if pool.speaks_http2() {
            return send_http2(pool, origin, request, connect_limit).await;
        }
        let Connected { stream, http2 } = connect(origin, connect_limit).await?;
        if http2 {
            let connection = Http2::new(stream).await?;
            pool.http2.lock().push(connection);
            return send_http2(pool, origin, request, connect_limit).await;
        }
        send_http1(Http1::new(stream.in_turns(self.turn.as_ref())), request, expect, pool).await.map_err(|unanswered| unanswered.error)
    }

    fn origin(&self, id: u64) -> Arc<OriginPool> {
        Arc::clone(self.origins.lock().entry(id).or_default())
    }
}

impl OriginPool {
    fn take(&self) -> Option<Http1> {
        let mut idle = self.http1.lock();
        while let Some(mut connection) = idle.pop() {
            if connection.idle_since.elapsed() < MAX_IDLE && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, mut connection: Http1) {
        connection.idle_since = Instant::now();
        let mut idle = self.http1.lock();
        if idle.len() < MAX_IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    fn speaks_http2(&self) -> bool {
        !self.http2.lock().is_empty()
    }

    fn is_empty(&self) -> bool {
        self.http1.lock().is_empty() && self.http2.lock().is_empty()
    }
}

async fn send_http1(
    connection: Http1,
    request: Box<Request<RequestBody>>,
    expect: Expect,
    pool: &Arc<OriginPool>,
) -> Result<Response<Body>, Unanswered> {
    let (response, connection) = connection.send(request, expect).await?;
    let (head, incoming) = response.into_parts();
    let body = Body::http1(&head, incoming, connection, Arc::clone(pool));
    Ok(Response::from_parts(head, body))
}

async fn send_http2(
    pool: &OriginPool,
    origin: &Origin,
    mut request: Box<Request<RequestBody>>,
    connect_limit: Duration,
) -> Result<Response<Body>, SendError> {
    absolute_form(&mut request, origin)?;
    // Each round either sends or finds one connection to be of no use; a fresh one ends it.
    for _ in 0..4 {
        let (connection, stream) = match reserve(pool) {
            Some(found) => found,
            None => {
                let _opening = pool.opening.lock().await;
                match reserve(pool) {
                    Some(found) => found,
                    None => {
                        let Connected { stream, http2 } = connect(origin, connect_limit).await?;
                        if !http2 {
                            return Err(SendError::new(SendErrorKind::Protocol, "the upstream spoke HTTP/2 before and does not now"));
                        }
                        let connection = Http2::new(stream).await?;
                        pool.http2.lock().push(connection.clone());
                        let Some(stream) = connection.reserve() else { continue };
                        (connection, stream)
                    }
                }
            }
        };
        match connection.send(*request).await {
            Ok(response) => {
                let (head, incoming) = response.into_parts();
                return Ok(Response::from_parts(head, Body::http2(incoming, stream)));
            }
            Err(Unanswered { unsent: Some(unsent), .. }) => request = unsent,
            Err(Unanswered { error, .. }) => return Err(error),
        }
    }
    Err(SendError::new(SendErrorKind::Unsent, "no HTTP/2 connection took the request"))
}

fn reserve(pool: &OriginPool) -> Option<(Http2, super::http2::StreamGuard)> {
    let mut connections = pool.http2.lock();
    connections.retain(|c| !c.is_closed());
    connections.iter().find_map(|c| c.reserve().map(|guard| (c.clone(), guard)))
}

/// HTTP/2 carries scheme and authority in the URI; `host` is HTTP/1's.
fn absolute_form(request: &mut Request<RequestBody>, origin: &Origin) -> Result<(), SendError> {
    if request.uri().authority().is_some() {
        return Ok(());
    }
    let authority = match request.headers_mut().remove(http::header::HOST) {
        Some(host) => host.to_str().unwrap_or(&origin.key.host).to_owned(),
        None => origin.key.host.clone(),
    };
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    *request.uri_mut() = http::Uri::builder()
        .scheme("https")
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|e| SendError::new(SendErrorKind::Unsent, e))?;
    Ok(())
}

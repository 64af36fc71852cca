//! Floor 7: the life of a request. [`handle`] reads from top to bottom as what happens to it.

mod access_log;
mod admit;
mod arriving;
mod attempt;
mod beside;
mod bill;
mod body;
mod cached;
mod call;
mod caller;
mod capture;
mod classify;
mod client_connection;
mod client_sdk;
mod conversation;
mod count_tokens;
mod degraded;
mod exchange;
mod forward;
mod headers;
mod hedge;
mod ingress;
mod keepers;
mod meter;
mod mirror;
mod models;
mod outgoing;
mod pass;
mod rate_hint;
mod redact;
mod respond;
mod retry_hint;
mod route;
mod send;
mod single;
mod tags;
mod thinking;
mod trace;
mod vendor_error;
mod worker;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;

pub use access_log::AccessLog;
pub use body::{Aborted, Body};
pub use client_connection::{ClientConnection, Phase};
pub use mirror::Mirrored;
pub use worker::{Drain, Worker};

use crate::chat::ApiError;
use crate::dialect::dialect;
use caller::Caller;
use meter::Meter;
use respond::Answer;
use route::Route;

/// Answers one request. Never fails: whatever goes wrong becomes an answer in the client's dialect. The request counts from the call on,
/// also when its client leaves before the future is polled.
pub fn handle(
    worker: Arc<Worker>,
    connection: Arc<ClientConnection>,
    request: Request<Incoming>,
) -> impl Future<Output = Response<Body>> + Send {
    let meter = Meter::new(&worker, connection, &request);
    answer(worker, request, meter)
}

async fn answer(worker: Arc<Worker>, request: Request<Incoming>, mut meter: Box<Meter>) -> Response<Body> {
    let uri = request.uri().clone();
    // In a box, as it goes from hand to hand.
    let request = Box::new(request);
    let served = {
        let mut serving = pin!(serve(&worker, request, &mut meter));
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_panic) => Poll::Ready(None),
        })
        .await
    };
    let speaks = route::dialect_of(uri.path());
    let mut response = match served {
        Some(Ok(answer)) => respond::finish(answer, meter),
        Some(Err(error)) => respond::error(&error, speaks, route::allow(uri.path()), meter),
        None => {
            worker.runtime.metrics.panics.inc();
            respond::error(&ApiError::internal("the request could not be processed"), speaks, None, meter)
        }
    };
    if let Some(header) = dialect(speaks).request_id_header()
        && let Some(id) = response.headers().get(respond::REQUEST_ID).cloned()
    {
        response.headers_mut().insert(header, id);
    }
    response
}

/// Answers a request that is not let in: nothing but its head has been read.
pub fn refuse<B>(worker: &Arc<Worker>, connection: Arc<ClientConnection>, request: &Request<B>, error: &ApiError) -> Response<Body> {
    let mut meter = Meter::new(worker, connection, request);
    let path = request.uri().path();
    if let Ok(route) = route::find(request.method(), path) {
        meter.set_endpoint(route.name());
    }
    respond::error(error, route::dialect_of(path), None, meter)
}

async fn serve(worker: &Arc<Worker>, request: Box<Request<Incoming>>, meter: &mut Meter) -> Result<Answer, ApiError> {
    let snapshot = worker.runtime.snapshot();
    meter.count_for(&snapshot);
    meter.trace(&snapshot, request.headers());
    ingress::check_head(&request)?;
    let route = route::find(request.method(), request.uri().path())?;
    meter.set_endpoint(route.name());
    let client = if meter.is_internal() { None } else { ingress::authenticate(&snapshot, request.headers())? };
    meter.set_client(client.as_ref());
    let caller = Caller { worker, snapshot: &snapshot, client: client.as_deref() };
    match route {
        Route::Chat { dialect, address } => caller.chat(dialect, address.into_owned(), request, meter).await,
        // In a box: a chat request need not be as large as these. And behind a pointer, so that their code is not in between its own.
        // The same is done wherever few requests go another way.
        other => {
            let other = other.into_owned();
            caller.other(other, request, meter).boxed().await
        }
    }
}

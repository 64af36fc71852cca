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

use std::sync::Arc;

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
use crate::dialect::embeddings::embeddings;
use crate::dialect::side;
use admit::Load;
use call::Asked;
use ingress::Read;
use meter::Meter;
use route::{Address, Route};

/// Answers one request. Never fails: whatever goes wrong becomes an answer in the client's dialect.
pub async fn handle(worker: Arc<Worker>, connection: Arc<ClientConnection>, request: Request<Incoming>) -> Response<Body> {
    let mut meter = Meter::new(&worker, connection, &request);
    let speaks = route::dialect_of(request.uri().path());
    let allow = route::allow(request.uri().path());
    let served = std::panic::AssertUnwindSafe(serve(&worker, request, &mut meter)).catch_unwind().await;
    let mut response = match served {
        Ok(Ok(answer)) => respond::finish(answer, meter),
        Ok(Err(error)) => respond::error(&error, speaks, allow, meter),
        Err(_panic) => {
            worker.runtime.metrics.panics.inc();
            respond::error(&ApiError::internal("the request could not be processed"), speaks, allow, meter)
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

async fn serve(worker: &Arc<Worker>, request: Request<Incoming>, meter: &mut Meter) -> Result<respond::Answer, ApiError> {
    let snapshot = worker.runtime.snapshot();
    meter.trace(&snapshot, request.headers());
    ingress::check_head(&request)?;
    let route = route::find(request.method(), request.uri().path())?;
    meter.set_endpoint(route.name());
    let client = if meter.is_internal() { None } else { ingress::authenticate(&snapshot, request.headers())? };
    meter.set_client(client.as_ref());
    match route {
        Route::Root => Ok(respond::Answer::text("llm-sidecar\n")),
        Route::Models => models::list(worker, &snapshot, client.as_deref(), route::list_dialect(&request)).await,
        Route::Model(id) => {
            let id = id.into_owned();
            models::one(worker, &snapshot, client.as_deref(), route::list_dialect(&request), &id).await
        }
        Route::Show => models::show(worker, &snapshot, client.as_deref(), request).await,
        // Nothing is in the sidecar's memory.
        Route::Running => Ok(respond::Answer::json(r#"{"models":[]}"#, http::HeaderMap::new())),
        Route::Version => {
            let body = concat!(r#"{"version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
            Ok(respond::Answer::json(body, http::HeaderMap::new()))
        }
        Route::Chat { dialect: id, address } => {
            let (address, look) = (address.into_owned(), |body: &[u8]| dialect(id).view(body));
            let uri = request.uri().clone();
            let read = Read { dialect: id, asked: Asked::Chat, look: &look, address };
            let call = ingress::read_call(worker, &snapshot, client.as_deref(), request, read, meter).await?;
            meter.grant(admit::client(worker, client.as_deref(), call.load()).await?);
            cached::run(worker, &snapshot, client.as_deref(), &uri, call, meter).await
        }
        Route::CountTokens { dialect: id, address } => {
            let counter = dialect(id).count_tokens().ok_or_else(|| ApiError::internal("the dialect counts no tokens"))?;
            let (address, look) = (address.into_owned(), |body: &[u8]| counter.count_view(body));
            let read = Read { dialect: id, asked: Asked::Chat, look: &look, address };
            let call = ingress::read_call(worker, &snapshot, client.as_deref(), request, read, meter).await?;
            meter.grant(admit::client(worker, client.as_deref(), Load::Prompt(0)).await?);
            count_tokens::run(worker, &snapshot, call, counter, meter).await
        }
        Route::Embeddings { format, address } => {
            let (address, look) = (address.into_owned(), |body: &[u8]| embeddings(format).view(body));
            let id = route::dialect_of(request.uri().path());
            let read = Read { dialect: id, asked: Asked::Embeddings(format), look: &look, address };
            let call = ingress::read_call(worker, &snapshot, client.as_deref(), request, read, meter).await?;
            meter.grant(admit::client(worker, client.as_deref(), call.load()).await?);
            beside::run(worker, &snapshot, call, meter).await
        }
        Route::Rerank(format) => {
            let id = route::dialect_of(request.uri().path());
            let read = Read { dialect: id, asked: Asked::Rerank(format), look: &side::view, address: Address::Body };
            let call = ingress::read_call(worker, &snapshot, client.as_deref(), request, read, meter).await?;
            meter.grant(admit::client(worker, client.as_deref(), call.load()).await?);
            beside::run(worker, &snapshot, call, meter).await
        }
        Route::Pass { path, deployment } => {
            let (path, deployment) = (path.into_owned(), deployment.map(std::borrow::Cow::into_owned));
            pass::run(worker, &snapshot, client.as_deref(), request, &path, deployment, meter).await
        }
    }
}

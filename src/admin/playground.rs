//! The dashboard's playground: a chat request of a user of the admin API takes the way of every request, and its answer streams
//! back. Where there are clients, the request needs a client's key like any other.

use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN, REFERER};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;

use super::serve::Admin;
use crate::proxy::{self, ClientConnection};

/// Where the request goes.
const CHAT: &str = "/v1/chat/completions";
/// The key of a client, as `Authorization` holds the admin's token.
const CLIENT_KEY: HeaderName = HeaderName::from_static("x-llm-client-key");

/// Sends the request on. Its sender has been let in.
pub(super) async fn chat(admin: &Admin, mut request: Request<Incoming>) -> Response<proxy::Body> {
    *request.uri_mut() = PathAndQuery::from_static(CHAT).into();
    let headers = request.headers_mut();
    // The admin's token is nobody else's business.
    for name in [AUTHORIZATION, COOKIE, ORIGIN, REFERER] {
        headers.remove(name);
    }
    let key = headers.remove(CLIENT_KEY).and_then(|key| HeaderValue::from_str(&format!("Bearer {}", key.to_str().ok()?)).ok());
    if let Some(mut key) = key {
        key.set_sensitive(true);
        headers.insert(AUTHORIZATION, key);
    }
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    admin.worker.pool.sweep();
    proxy::handle(Arc::clone(&admin.worker), Arc::new(ClientConnection::default()), request).await
}

//! Sends a request by a credential of its provider. Keys are in the request already; a token is put in here, as it may have to
//! be fetched first, and one that the vendor refuses is replaced once.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

use super::exchange::{Failed, ambiguous, send_failed};
use super::worker::Worker;
use crate::base::outcome::AttemptClass;
use crate::chat::{ApiError, ErrorKind, Fault};
use crate::runtime::{CredentialKind, Provider, Tokens};
use crate::upstream::{Body, Expect, RequestBody};
use crate::vendor::auth::{AuthError, Grant, Signer};

/// In AWS's error answers.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Sends the request and waits until `by` for the answer's head.
pub(super) async fn send(
    worker: &Worker,
    provider: &Provider,
    credential: usize,
    request: Box<Request<RequestBody>>,
    expect: Expect,
    by: Instant,
) -> Result<Response<Body>, Failed> {
    match provider.credentials.get(credential).map(|credential| &credential.kind) {
        // In a box: the many requests by a key need not be as large as those by a token.
        Some(CredentialKind::Tokens(tokens)) => by_token(worker, provider, tokens, request, expect, by).boxed().await,
        _ => in_time(worker, provider, request, expect, by).await,
    }
}

async fn in_time(
    worker: &Worker,
    provider: &Provider,
    request: Box<Request<RequestBody>>,
    expect: Expect,
    by: Instant,
) -> Result<Response<Body>, Failed> {
    let sending = worker.pool.send(&provider.origin, request, expect, provider.timeout.connect);
    match tokio::time::timeout_at(by, sending).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(send_failed(&error)),
        Err(_) => Err(ambiguous(ApiError::timeout("the upstream did not begin its answer within the time allowed"))),
    }
}

async fn by_token(
    worker: &Worker,
    provider: &Provider,
    tokens: &Arc<Tokens>,
    mut request: Box<Request<RequestBody>>,
    expect: Expect,
    by: Instant,
) -> Result<Response<Body>, Failed> {
    let grant = authorize(tokens, &mut request, by).await?;
    let again = copy(&request);
    let response = in_time(worker, provider, request, expect, by).await?;
    match again {
        Some(mut again) if is_refusal(&response) && tokens.refused(&grant) => {
            drop(response);
            authorize(tokens, &mut again, by).await?;
            in_time(worker, provider, again, expect, by).await
        }
        _ => Ok(response),
    }
}

/// Puts the token of the moment into the request.
async fn authorize(tokens: &Arc<Tokens>, request: &mut Request<RequestBody>, by: Instant) -> Result<Arc<Grant>, Failed> {
    let grant = match tokio::time::timeout_at(by, tokens.get()).await {
        Ok(grant) => grant.map_err(|error| no_token(&error))?,
        Err(_) => return Err(no_token(&AuthError::new("the token endpoint did not answer in time"))),
    };
    match &*grant {
        Grant::Bearer(value) => _ = request.headers_mut().insert(AUTHORIZATION, value.clone()),
        Grant::Keys(_) => return Err(no_token(&AuthError::new("the keys sign nothing"))),
        Grant::Signer(signer) => sign(signer, request).map_err(|error| no_token(&error))?,
    }
    Ok(grant)
}

fn sign(signer: &Signer, request: &mut Request<RequestBody>) -> Result<(), AuthError> {
    let body = match request.body() {
        RequestBody::Full(parts) => parts.joined(),
        RequestBody::Stream(_) => return Err(AuthError::new("a body that is passed on as it comes cannot be signed")),
    };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("https://{host}{}", request.uri());
    let content_type = request.headers().get(CONTENT_TYPE).map(|value| (CONTENT_TYPE, value.clone()));
    for (name, value) in signer.sign(request.method(), &url, content_type.as_slice(), &body, SystemTime::now())? {
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// Whether the vendor has refused the token itself. AWS says so with 403 and a class of error.
fn is_refusal(response: &Response<Body>) -> bool {
    let class = response.headers().get(ERROR_TYPE).and_then(|class| class.to_str().ok()).unwrap_or_default();
    match response.status() {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => class.starts_with("ExpiredToken") || class.starts_with("UnrecognizedClient"),
        _ => false,
    }
}

/// The request once more, if its body is at hand.
fn copy(request: &Request<RequestBody>) -> Option<Box<Request<RequestBody>>> {
    let RequestBody::Full(body) = request.body() else { return None };
    let mut copy = Request::new(RequestBody::Full(body.clone()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(Box::new(copy))
}

/// As if the vendor itself had refused the credential, so that another target is asked if there is one.
fn no_token(error: &AuthError) -> Failed {
    let message = format!("the sidecar's own credential for the vendor could not be had: {error}");
    let error = ApiError::new(502, ErrorKind::Upstream, Fault::Upstream, "upstream_auth_failed", message);
    Failed { class: AttemptClass::Deterministic, status: 401, hopeless: true, error: Box::new(error) }
}

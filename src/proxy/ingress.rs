//! The way in: checks of the head, the client's key, the body, and the request's first look. 400, 401, 403, 404, 408, 413
//! and 415 are decided here.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, Version};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::decompress;
use super::call::{Asked, Call};
use super::client_sdk;
use super::conversation;
use super::meter::Meter;
use super::models;
use super::route::Address;
use super::worker::Worker;
use crate::base::hush::hushed;
use crate::chat::{ApiError, DialectId, ErrorKind, Fault};
use crate::dialect::{View, dialect};
use crate::runtime::{ClientEntry, Snapshot};

/// Bytes a second that a body has to come with on average, beside `server.body_timeout`: one byte now and then shall not hold a
/// connection for ever. The figure is that of Apache's `mod_reqtimeout`.
const SLOWEST: f64 = 500.0;

/// What is wrong with a head whatever the route.
pub(super) fn check_head<B>(request: &Request<B>) -> Result<(), ApiError> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 {
        let mut hosts = headers.get_all(HOST).iter();
        if hosts.next().is_none() || hosts.next().is_some() {
            return Err(ApiError::new(400, ErrorKind::InvalidRequest, Fault::Client, "bad_host", "exactly one Host header is needed"));
        }
    }
    if headers.contains_key(http::header::UPGRADE) {
        let message = "protocol upgrades are not supported";
        return Err(ApiError::new(501, ErrorKind::InvalidRequest, Fault::Client, "method_not_supported", message));
    }
    Ok(())
}

/// The caller, or `None` where anyone may call.
pub(super) fn authenticate(snapshot: &Snapshot, headers: &HeaderMap) -> Result<Option<Arc<ClientEntry>>, ApiError> {
    if snapshot.is_open() {
        return Ok(None);
    }
    let refuse = |code, message: &str| ApiError::new(401, ErrorKind::Authentication, Fault::Client, code, message);
    let key = caller_key(headers).ok_or_else(|| {
        refuse("missing_api_key", "no API key; send one as `Authorization: Bearer`, `x-api-key`, `api-key` or `x-goog-api-key`")
    })?;
    let client = snapshot.client(key).ok_or_else(|| refuse("invalid_api_key", "the API key is not known to this sidecar"))?;
    Ok(Some(Arc::clone(client)))
}

/// The key a client presents, in any of the headers its SDK may use.
pub(super) fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
        let (scheme, key) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let other = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    bearer.or_else(|| ["x-api-key", "api-key", "x-goog-api-key"].into_iter().find_map(other)).filter(|key| !key.is_empty())
}

/// The key a caller is known by: the one it presents, or the one it signs with.
pub(super) fn caller_key(headers: &HeaderMap) -> Option<&str> {
    presented_key(headers).or_else(|| access_key(headers))
}

/// The access key's id in a request that is signed as AWS's SDKs do (Signature Version 4). What it signs is not verified: for that
/// a secret would be needed, which clients of the sidecar do not have.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let (scheme, parameters) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let credential = parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
    // Behind the id: date, region, service and `aws4_request`.
    let id = credential.rsplitn(5, '/').nth(4)?;
    (scheme.eq_ignore_ascii_case("AWS4-HMAC-SHA256") && !id.is_empty()).then_some(id)
}

/// How a request is read.
pub(super) struct Read<'a> {
    pub dialect: DialectId,
    pub asked: Asked,
    /// How it is looked at first: a chat request whole, one that only asks for a token count without `max_tokens`.
    pub look: &'a (dyn Fn(&[u8]) -> Result<View, ApiError> + Sync),
    pub address: Address<'static>,
}

/// Reads a request that names a model, and routes it.
pub(super) async fn read_call(
    worker: &Worker,
    snapshot: &Arc<Snapshot>,
    client: Option<&ClientEntry>,
    request: Box<Request<Incoming>>,
    read: Read<'_>,
    meter: &mut Meter,
) -> Result<Arc<Call>, ApiError> {
    check_json(request.headers())?;
    let Read { dialect: dialect_id, asked, look, address } = read;
    let (head, body) = request.into_parts();
    let body = read_body(body, &head.headers, snapshot).await?;
    let mut body = dialect(dialect_id).with_head(head.uri.path(), &head.headers, body);
    let mut view = match address {
        Address::Body => look(&body)?,
        // An Azure-style body need not name its model.
        Address::Deployment(model) => {
            body = with_model(&body, &model)?;
            look(&body)?
        }
        Address::Path { model, stream } => View { model: model.into_owned(), stream, ..look(&body)? },
    };
    view.include_usage |= client_sdk::is_mistral(&head.headers);
    meter.set_model(&view.model, view.stream);
    meter.capture_request(&body);
    allow_model(client, &view.model)?;
    let resolved = models::resolve(worker, snapshot, &view.model).await?;
    let query = head.uri.query().map(str::to_owned).filter(|_| dialect(dialect_id).relays_query());
    view.model.shrink_to_fit();
    let is_sticky = resolved.route().is_some_and(|route| route.sticky);
    let conversation = is_sticky.then(|| conversation::of(&head.headers, &body));
    let client = client.map(|client| Arc::from(client.name.as_str()));
    let key = meter.request_id_header.clone();
    Ok(Arc::new(Call::new(dialect_id, asked, client, head.headers, query, body, view, resolved, conversation, key)))
}

pub(super) fn allow_model(client: Option<&ClientEntry>, model: &str) -> Result<(), ApiError> {
    if client.is_none_or(|client| client.may_use(model)) {
        return Ok(());
    }
    let message = format!("this API key may not use the model `{model}`");
    Err(ApiError::new(403, ErrorKind::Permission, Fault::Client, "model_not_allowed", message).with_param("model"))
}

fn with_model(body: &Bytes, model: &str) -> Result<Bytes, ApiError> {
    let mut object =
        crate::base::raw::RawObject::parse(body).map_err(|e| ApiError::invalid_json(format!("the body is not a JSON object: {e}")))?;
    object.set("model", crate::base::raw::to_raw(&model));
    Ok(object.write().into())
}

pub(super) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.trim_start().get(..16).is_some_and(|start| start.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let message = "the request needs `Content-Type: application/json`";
    Err(ApiError::new(415, ErrorKind::InvalidRequest, Fault::Client, "unsupported_media_type", message))
}

/// Reads a body whole, within `server.max_body`, decompressed.
pub(super) async fn read_body(body: Incoming, headers: &HeaderMap, snapshot: &Snapshot) -> Result<Bytes, ApiError> {
    let server = &snapshot.config.server;
    let bytes = collect(body, server.max_body, server.body_timeout).await?;
    match headers.get(CONTENT_ENCODING) {
        None => Ok(bytes),
        Some(coding) => decompress::whole(coding.to_str().unwrap_or("?"), bytes, server.max_body).map_err(|failure| match failure {
            decompress::Failure::Unknown => {
                let message = "Content-Encoding has to be gzip, deflate, br, zstd or identity";
                ApiError::new(415, ErrorKind::InvalidRequest, Fault::Client, "unsupported_encoding", message)
            }
            decompress::Failure::TooLarge => too_large(server.max_body),
            decompress::Failure::Broken => malformed("the compressed body is broken"),
        }),
    }
}

async fn collect(mut body: Incoming, limit: usize, idle: Duration) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let mut started = None;
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    while !body.is_end_stream() {
        let held = rest.as_ref().map_or_else(|| first.as_ref().map_or(0, Bytes::len), BytesMut::len);
        // Most bodies came with their heads, and need no clock.
        let next = match poll_fn(|cx| Poll::Ready(poll_frame(&mut body, cx))).await {
            Poll::Ready(next) => next,
            Poll::Pending => {
                let now = Instant::now();
                let by = (now + idle).min(*started.get_or_insert(now) + idle + Duration::from_secs_f64(held as f64 / SLOWEST));
                tokio::time::timeout_at(by, body.frame()).await.map_err(|_| {
                    let message = format!("the body came too slowly (server.body_timeout is {idle:?})");
                    ApiError::new(408, ErrorKind::Timeout, Fault::Client, "client_body_timeout", message)
                })?
            }
        };
        let frame = match next {
            None => break,
            Some(Err(_)) => return Err(malformed("the body ended early or its chunks are malformed")),
            Some(Ok(frame)) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if held + data.len() > limit {
            return Err(too_large(limit));
        }
        match (&mut rest, first.take()) {
            (Some(rest), _) => rest.extend_from_slice(&data),
            (None, None) => first = Some(data),
            (None, Some(begun)) => {
                let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit);
                let mut joined = BytesMut::with_capacity(begun.len() + data.len() + expected);
                joined.extend_from_slice(&begun);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}

/// Polls without a wake for the end of a body, after which there is nothing to be woken for.
fn poll_frame(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    let (polled, woken) = hushed(|| Pin::new(&mut *body).poll_frame(cx));
    if woken && !body.is_end_stream() {
        cx.waker().wake_by_ref();
    }
    polled
}

#[cold]
fn malformed(message: &str) -> ApiError {
    ApiError::new(400, ErrorKind::InvalidRequest, Fault::Client, "malformed_body", message)
}

#[cold]
fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is larger than {limit} bytes (server.max_body)");
    ApiError::new(413, ErrorKind::RequestTooLarge, Fault::Client, "request_too_large", message)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_signed_request_presents_its_access_key() {
        let id = |value: &str| {
            let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
            access_key(&headers).map(str::to_owned)
        };
        let rest = "/20261128/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
        for key in ["AKIDEXAMPLE", "key/with/slashes"] {
            assert_eq!(id(&format!("AWS4-HMAC-SHA256 Credential={key}{rest}")).as_deref(), Some(key));
        }
        for other in ["Bearer x", "AWS4-HMAC-SHA256 Signature=00", "AWS4-HMAC-SHA256 Credential=a/b", "Basic Credential=k/1/2/3/4", "x"] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}

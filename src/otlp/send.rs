//! Sends one OTLP request, by HTTP or by gRPC, and says what became of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TE, USER_AGENT};
use http::{Method, Request, Uri};
use prost::Message;

use super::proto::Exported;
use crate::config::{Otlp, OtlpProtocol};
use crate::upstream::{Expect, Origin, Origins, Pool, Reach, RequestBody, unary};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-sidecar/", env!("CARGO_PKG_VERSION")));
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc+proto");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const GRPC_STATUS: &str = "grpc-status";
const MAX_ANSWER: usize = 64 << 10;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// gRPC's codes that the specification says to try again after: cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
const GRPC_AGAIN: [&str; 6] = ["1", "4", "10", "11", "14", "15"];

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
}

/// Why an export failed.
#[derive(Debug)]
pub(super) struct Unsent {
    /// Trying again may help; not before this time, if the collector says one.
    pub again: Option<Duration>,
    /// For the log: without the headers' values.
    pub why: String,
}

/// The way to a collector.
pub(super) struct Collector {
    origins: Origins,
    pool: Pool,
}

impl Collector {
    pub(super) fn new() -> Self {
        Self { origins: Origins::default(), pool: Pool::default() }
    }

    /// How many records the collector has refused of those in `message`.
    pub(super) async fn export(&self, otlp: &Otlp, signal: Signal, message: Bytes) -> Result<u64, Unsent> {
        match tokio::time::timeout(otlp.timeout, self.send(otlp, signal, message)).await {
            Ok(sent) => sent,
            Err(_) => Err(again(None, format!("no answer within {:?}", otlp.timeout))),
        }
    }

    async fn send(&self, otlp: &Otlp, signal: Signal, message: Bytes) -> Result<u64, Unsent> {
        let url = match signal {
            Signal::Traces => &otlp.traces,
            Signal::Logs => &otlp.logs,
        };
        let wrong = |why: &str| Unsent { again: None, why: why.to_owned() };
        let url: Uri = url.parse().map_err(|_| wrong("the endpoint is not a URL"))?;
        let authority = url.authority().ok_or_else(|| wrong("the endpoint has no host"))?;
        let secure = url.scheme_str() == Some("https");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let origin = self.origins.get(secure, host, port, &otlp.tls, Reach::Anywhere).map_err(|why| wrong(&why))?;

        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, AGENT);
        for (name, value) in &otlp.headers {
            if let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose())) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        match otlp.protocol {
            OtlpProtocol::Http => {
                headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("the endpoint's host is none"))?);
                headers.insert(CONTENT_TYPE, PROTOBUF);
                *request.uri_mut() = url.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|_| wrong("no path"))?;
                *request.body_mut() = message.into();
                self.by_http(&origin, request).await
            }
            OtlpProtocol::Grpc => {
                headers.insert(CONTENT_TYPE, GRPC);
                headers.insert(TE, TRAILERS);
                *request.uri_mut() = url.clone();
                *request.body_mut() = framed(&message).into();
                by_grpc(&origin, request).await
            }
        }
    }

    async fn by_http(&self, origin: &Arc<Origin>, request: Request<RequestBody>) -> Result<u64, Unsent> {
        let unanswered = |error: crate::upstream::SendError| again(None, error.to_string());
        let response = self.pool.send(origin, Box::new(request), Expect::Whole, CONNECT_LIMIT).await.map_err(unanswered)?;
        let (status, wait) = (response.status(), retry_after(response.headers()));
        let body = response.into_body().collect(MAX_ANSWER).await.map_err(unanswered)?;
        match status.as_u16() {
            200..=299 => Ok(refused(&body)),
            429 | 502 | 503 | 504 => Err(again(wait, format!("status {status}"))),
            _ => Err(Unsent { again: None, why: format!("status {status}") }),
        }
    }
}

async fn by_grpc(origin: &Arc<Origin>, request: Request<RequestBody>) -> Result<u64, Unsent> {
    let answer = unary(origin, request, CONNECT_LIMIT, MAX_ANSWER).await.map_err(|error| again(None, error.to_string()))?;
    if !answer.status.is_success() {
        return Err(again(retry_after(&answer.headers), format!("status {}", answer.status)));
    }
    // In the trailers, or in the head where there is nothing but trailers.
    let code = answer.trailers.get(GRPC_STATUS).or_else(|| answer.headers.get(GRPC_STATUS)).and_then(|code| code.to_str().ok());
    match code {
        Some("0") => Ok(refused(answer.body.get(5..).unwrap_or_default())),
        Some(code) if GRPC_AGAIN.contains(&code) => Err(again(None, format!("gRPC status {code}"))),
        Some(code) => Err(Unsent { again: None, why: format!("gRPC status {code}") }),
        None => Err(again(None, "an answer without gRPC status".to_owned())),
    }
}

/// A message in gRPC's framing, not compressed.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

fn refused(answer: &[u8]) -> u64 {
    let Some(partial) = Exported::decode(answer).ok().and_then(|exported| exported.partial_success) else { return 0 };
    if !partial.error_message.is_empty() {
        tracing::warn!(refused = partial.rejected, message = partial.error_message, "the collector has not taken everything");
    }
    u64::try_from(partial.rejected).unwrap_or(0)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn again(after: Option<Duration>, why: String) -> Unsent {
    Unsent { again: Some(after.unwrap_or(Duration::ZERO)), why }
}

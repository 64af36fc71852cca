//! One request and its whole answer by HTTP/2 on a connection of its own, with trailers: what gRPC needs. Without TLS the peer
//! is known to speak HTTP/2.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};

use super::body::RequestBody;
use super::connect::connect;
use super::error::{SendError, SendErrorKind};
use super::http2::Http2;
use super::origin::Origin;

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

/// Sends `request`, whose URI is absolute. The answer's body may have `most` bytes.
pub async fn unary(origin: &Origin, request: Request<RequestBody>, connect_limit: Duration, most: usize) -> Result<Answer, SendError> {
    let connected = connect(origin, connect_limit).await?;
    let connection = Http2::new(connected.stream).await?;
    let response = connection.send(request).await.map_err(|unanswered| unanswered.error)?;
    let (head, body) = response.into_parts();
    let collected = Limited::new(body, most).collect().await.map_err(|error| SendError::new(SendErrorKind::Protocol, error))?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(Answer { status: head.status, headers: head.headers, body: collected.to_bytes(), trailers })
}

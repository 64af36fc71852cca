//! Asks a key service, and waits for the answer.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::base::secret::Secret;
use crate::config::ClientTls;
use crate::seal::SealError;
use crate::upstream::{Connections, Unasked};
use crate::vendor::auth::Ask;

/// One question, with what has to be fetched for it.
const LIMIT: Duration = Duration::from_secs(15);

/// Runs a future to its end on a thread of its own: whoever asks may be on a runtime's thread already.
pub(super) fn wait<T, F>(make: impl FnOnce() -> F + Send) -> Result<T, SealError>
where
    T: Send,
    F: Future<Output = Result<T, SealError>>,
{
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SealError::Service(error.to_string()))?;
        let limited = async { tokio::time::timeout(LIMIT, make()).await };
        runtime.block_on(limited).unwrap_or_else(|_| Err(SealError::Service("it did not answer in time".into())))
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|_| Err(SealError::Service("asking it failed".into()))))
}

/// A question in JSON. The body may hold a key.
pub(super) fn post(url: String, kind: &'static str, body: &Value) -> Ask {
    let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(kind))];
    Ask { method: Method::POST, url, headers, body: Secret::new(body.to_string()) }
}

/// A header that must not be shown.
pub(super) fn secret_header(name: HeaderName, value: &str) -> Result<(HeaderName, HeaderValue), SealError> {
    let value = HeaderValue::from_str(value.trim());
    let mut value = value.map_err(|_| SealError::Service("the token has characters that no header can hold".into()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The answer's status and JSON; an answer that is none is `null`.
pub(super) async fn ask(ask: Ask, trust: &ClientTls) -> Result<(StatusCode, Value), SealError> {
    let answer = Connections::new(trust).ask(ask).await;
    let (status, body) = answer.map_err(|unasked| {
        SealError::Service(match unasked {
            Unasked::NoUrl => "its URL is none".into(),
            Unasked::NoAnswer => "it does not answer".into(),
        })
    })?;
    let body = zeroize::Zeroizing::new(body);
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// A text in an answer.
pub(super) fn text_in<'a>(answer: &'a Value, key: &str) -> Option<&'a str> {
    answer.get(key).and_then(Value::as_str)
}

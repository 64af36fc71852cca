//! The way out: a request for an upstream.

use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};

use super::headers;
use super::ingress::presented_key;
use crate::chat::{ApiError, DialectId};
use crate::runtime::{CredentialKind, Target, auth_header};
use crate::upstream::RequestBody;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-sidecar/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An upstream's path and query.
pub(super) fn uri(path: &str) -> Result<Uri, ApiError> {
    path.parse().map_err(|_| ApiError::internal("the upstream's path cannot be written"))
}

/// A request to `target` at `uri` by one of its provider's credentials, with the headers the vendor needs and those of the client's that may pass.
pub(super) fn request(
    target: &Target,
    credential: usize,
    method: Method,
    uri: Uri,
    client: &HeaderMap,
    from: DialectId,
    body: RequestBody,
) -> Request<RequestBody> {
    let provider = &*target.provider;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let out = request.headers_mut();
    out.reserve(12);
    out.insert(HOST, provider.host.clone());
    out.insert(USER_AGENT, AGENT);
    let spoken = target.speaks(from);
    let relayed = if spoken.id() == from { spoken.relayed_headers() } else { &[] };
    headers::to_vendor(client, relayed, out);
    for name in &provider.vendor.refuses_headers {
        out.remove(name);
    }
    if let Some((name, value)) = provider.vendor.version_header() {
        out.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in &provider.headers {
        out.insert(name.clone(), value.clone());
    }
    match provider.credentials.get(credential).map(|credential| &credential.kind) {
        Some(CredentialKind::Header(name, value)) => {
            out.insert(name.clone(), value.clone());
        }
        Some(CredentialKind::Forward(auth)) => {
            if let Some((name, value)) = presented_key(client).and_then(|key| auth_header(auth, key)) {
                out.insert(name, value);
            }
        }
        // A token is put in when the request is sent.
        Some(CredentialKind::Tokens(_) | CredentialKind::None) | None => {}
    }
    request
}

/// Marks a request's body as JSON.
pub(super) fn set_json(request: &mut Request<RequestBody>) {
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    request.headers_mut().insert(ACCEPT, JSON);
}

/// Gives a request a key by which a vendor can tell that it is the same as one before, unless the client gave it one.
pub(super) fn set_idempotency_key(request: &mut Request<RequestBody>, key: &HeaderValue) {
    request.headers_mut().entry(IDEMPOTENCY_KEY).or_insert_with(|| key.clone());
}

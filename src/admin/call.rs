//! A request to the admin listener, read and let in.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::answer::Problem;
use super::auth::Caller;

/// The largest body, in bytes.
const MAX_BODY: usize = 1 << 20;

pub(super) struct Call {
    /// `None` on routes that are open to everybody.
    pub caller: Option<Caller>,
    pub address: IpAddr,
    pub request_id: String,
    /// What stands in the path for the route's `{names}`.
    pub names: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    /// The first name of the path.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Who is asking, for logs.
    pub(super) fn who(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.name)
    }

    /// The body as an object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Problem> {
        let kind = self.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") && !kind.eq_ignore_ascii_case("application/merge-patch+json") {
            let detail = "the body has to be `content-type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the body has to be a JSON object")),
            Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_json", format!("the body is not JSON: {error}"))),
        }
    }

    /// The value of a key of the query.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// `?key=true` or `?key=false`; absent means false.
    pub(super) fn flag(&self, key: &'static str) -> Result<bool, Problem> {
        match self.query(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad("invalid_value", key, format!("`{key}` is `true` or `false`"))),
        }
    }

    /// Refuses keys of the query that the route does not know: a mistyped filter must not show everything.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.query.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) => {
                let detail = format!("`{key}` is not known in the query; there are: {}", known.join(", "));
                Err(Problem::bad("unknown_parameter", "query", detail))
            }
        }
    }
}

/// The keys and values of a query.
pub(super) fn read_query(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| Problem::bad("invalid_value", "query", "the query is not UTF-8"))
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| Ok((decode(key)?, decode(value)?))).collect()
}

/// The whole body, up to a limit.
pub(super) async fn read_body<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", format!("the body is larger than {} MiB", MAX_BODY >> 20)))
        }
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "malformed_body", "the body could not be read")),
    }
}

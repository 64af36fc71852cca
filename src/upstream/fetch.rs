//! Takes the steps to a token: asks servers over connections of the fetch's own, and reads files. Other servers that are asked
//! once in a while (for keys, for who somebody is) are asked the same way.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use http::{Request, StatusCode, Uri};

use super::{Expect, Origins, Pool, Reach, RequestBody};
use crate::config::ClientTls;
use crate::vendor::auth::{Ask, AuthError, Granted, Source, Step, refusal};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 1 << 20;
/// No source takes more.
const MOST_STEPS: usize = 16;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-sidecar/", env!("CARGO_PKG_VERSION")));

/// Fetches a token. `trust` says which certificates servers may have.
///
/// # Errors
/// If there is none to be had.
pub async fn fetch(source: &dyn Source, trust: &ClientTls) -> Result<Granted, AuthError> {
    let connections = Connections::new(trust);
    let mut got = Vec::new();
    for _ in 0..MOST_STEPS {
        got.push(match source.step(&got, SystemTime::now())? {
            Step::Done(granted) => return Ok(granted),
            Step::Ask(ask) => token_answer(&connections, ask).await?,
            Step::Run(command) => run(command).await?,
            Step::Read(file) => tokio::fs::read(&file).await.map_err(|error| {
                tracing::warn!(file = %file.display(), %error, "a credential's file cannot be read");
                AuthError::new("a file of the credential cannot be read")
            })?,
        });
    }
    Err(AuthError::new("the way to the token does not end"))
}

/// What a shell command prints.
async fn run(command: String) -> Result<Vec<u8>, AuthError> {
    let run = move || Command::new("/bin/sh").arg("-c").arg(command).stdin(Stdio::null()).stderr(Stdio::null()).output();
    match tokio::task::spawn_blocking(run).await {
        Ok(Ok(printed)) if printed.status.success() => Ok(printed.stdout),
        _ => Err(AuthError::new("the program that prints the credential failed")),
    }
}

/// The answer of a server that hands out tokens.
async fn token_answer(connections: &Connections<'_>, ask: Ask) -> Result<Vec<u8>, AuthError> {
    match connections.ask(ask).await {
        Ok((status, body)) if status.is_success() => Ok(body),
        Ok((status, body)) => Err(refusal(status.as_u16(), &body)),
        Err(Unasked::NoUrl) => Err(AuthError::new("the token endpoint's URL is none")),
        Err(Unasked::NoAnswer) => Err(AuthError::new("the token endpoint does not answer")),
    }
}

/// Why there is no answer. The log has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    NoUrl,
    NoAnswer,
}

/// Connections to servers that are asked now and then, kept as long as this is.
pub struct Connections<'a> {
    origins: Origins,
    pool: Pool,
    trust: &'a ClientTls,
}

impl<'a> Connections<'a> {
    /// `trust` says which certificates the servers may have.
    pub fn new(trust: &'a ClientTls) -> Self {
        Self { origins: Origins::default(), pool: Pool::default(), trust }
    }

    /// The answer's status and body, whatever it is. The caller limits the time.
    ///
    /// # Errors
    /// If there is none, or more than 1 MiB of it.
    pub async fn ask(&self, ask: Ask) -> Result<(StatusCode, Vec<u8>), Unasked> {
        let wrong = || Unasked::NoUrl;
        let url: Uri = ask.url.parse().map_err(|_| wrong())?;
        let authority = url.authority().filter(|authority| !authority.host().is_empty()).ok_or_else(wrong)?;
        let secure = url.scheme_str() == Some("https");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let origin = self.origins.get(secure, host, port, self.trust, Reach::Anywhere).map_err(|_| wrong())?;

        let mut request = Request::new(RequestBody::from(bytes::Bytes::copy_from_slice(ask.body.expose().as_bytes())));
        *request.method_mut() = ask.method;
        *request.uri_mut() = url.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|_| wrong())?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?);
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in ask.headers {
            headers.insert(name, value);
        }

        let unanswered = |error: super::SendError| {
            tracing::warn!(%error, host, "no answer from a server that was asked");
            Unasked::NoAnswer
        };
        let response = self.pool.send(&origin, Box::new(request), Expect::Whole, CONNECT_LIMIT).await.map_err(unanswered)?;
        let status = response.status();
        let body = response.into_body().collect(MAX_ANSWER).await.map_err(unanswered)?;
        Ok((status, body))
    }
}

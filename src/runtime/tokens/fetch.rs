//! Takes the steps to a token: asks servers over connections of the fetch's own, and reads files.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use http::{Request, Uri};

use crate::config::ClientTls;
use crate::upstream::{Origins, Pool, RequestBody};
use crate::vendor::auth::{Ask, AuthError, Granted, Source, Step, refusal};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 1 << 20;
/// No source takes more.
const MOST_STEPS: usize = 16;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-sidecar/", env!("CARGO_PKG_VERSION")));

/// Fetches a token.
pub(super) async fn fetch(source: &dyn Source, trust: &ClientTls) -> Result<Granted, AuthError> {
    let connections = Connections { origins: Origins::default(), pool: Pool::default(), trust };
    let mut got = Vec::new();
    for _ in 0..MOST_STEPS {
        got.push(match source.step(&got, SystemTime::now())? {
            Step::Done(granted) => return Ok(granted),
            Step::Ask(ask) => connections.ask(ask).await?,
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

/// Kept for the steps of one fetch.
struct Connections<'a> {
    origins: Origins,
    pool: Pool,
    trust: &'a ClientTls,
}

impl Connections<'_> {
    async fn ask(&self, ask: Ask) -> Result<Vec<u8>, AuthError> {
        let wrong = || AuthError::new("the token endpoint's URL is none");
        let url: Uri = ask.url.parse().map_err(|_| wrong())?;
        let authority = url.authority().filter(|authority| !authority.host().is_empty()).ok_or_else(wrong)?;
        let secure = url.scheme_str() == Some("https");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let origin = self.origins.get(secure, host, port, self.trust).map_err(|_| wrong())?;

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

        let unanswered = |error: crate::upstream::SendError| {
            tracing::warn!(%error, host, "no answer from a token endpoint");
            AuthError::new("the token endpoint does not answer")
        };
        let response = self.pool.send(&origin, request, CONNECT_LIMIT).await.map_err(unanswered)?;
        let status = response.status();
        let body = response.into_body().collect(MAX_ANSWER).await.map_err(unanswered)?;
        if status.is_success() { Ok(body) } else { Err(refusal(status.as_u16(), &body)) }
    }
}

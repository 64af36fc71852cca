//! What is asked of the Kubernetes API: a few requests now and then, each on a connection of its own. Token and authority are read
//! anew each time, since both are renewed on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::base::secret::Secret;

/// For one request and its answer.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 4 << 20;
/// Where a pod finds its service account.
pub(super) const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The API server, as a pod reaches it.
pub(super) struct Api {
    host: String,
    port: u16,
    /// With the files `token` and `ca.crt`.
    folder: PathBuf,
}

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the Kubernetes API cannot be asked: {0}")]
    Unreachable(String),
    #[error("the Kubernetes API answers {status}: {message}")]
    Refused { status: StatusCode, message: String },
}

impl ApiError {
    pub(super) fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }
}

impl Api {
    /// `address` is `host:port`; none: as the kubelet tells every pod by `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    ///
    /// # Errors
    /// If no address is given and there is none in the environment.
    pub(super) fn new(address: Option<&str>, folder: PathBuf) -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set: is this a pod?"));
        let (host, port) = match address {
            Some(address) => {
                let (host, port) = address.rsplit_once(':').ok_or("the API server's address has no port")?;
                (host.trim_matches(['[', ']']).to_owned(), port.to_owned())
            }
            None => (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?),
        };
        let port = port.parse().map_err(|_| format!("the API server's port is `{port}`"))?;
        Ok(Self { host, port, folder })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.ask(Method::GET, path, "", Bytes::new()).await
    }

    /// Creates (POST) or replaces (PUT) an object.
    pub(super) async fn write(&self, method: Method, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.ask(method, path, "application/json", object.to_string().into()).await
    }

    /// Applies a JSON Patch (RFC 6902).
    pub(super) async fn patch(&self, path: &str, operations: &Value) -> Result<Value, ApiError> {
        self.ask(Method::PATCH, path, "application/json-patch+json", operations.to_string().into()).await
    }

    async fn ask(&self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<Value, ApiError> {
        let request = self.request(method, path, kind, body).map_err(ApiError::Unreachable)?;
        let (status, body) = timeout(PATIENCE, self.send(request))
            .await
            .unwrap_or_else(|_| Err("there was no answer within ten seconds".to_owned()))
            .map_err(ApiError::Unreachable)?;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let message = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(ApiError::Refused { status, message })
    }

    fn request(&self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let file = self.folder.join("token");
        let token = Secret::new(std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?);
        let mut bearer = http::HeaderValue::from_str(&format!("Bearer {}", token.expose().trim()))
            .map_err(|_| format!("{} holds no token", file.display()))?;
        bearer.set_sensitive(true);
        let host = if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) };
        let mut request = Request::builder().method(method).uri(path).header(HOST, host).header(ACCEPT, "application/json");
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        request.header(AUTHORIZATION, bearer).body(Full::new(body)).map_err(|error| error.to_string())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let connector = self.connector()?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BODY).collect().await.map_err(|error| error.to_string())?;
            Ok((status, body.to_bytes()))
        };
        let answer = answer.await;
        driver.abort();
        answer
    }

    fn connector(&self) -> Result<TlsConnector, String> {
        let file = self.folder.join("ca.crt");
        let mut roots = RootCertStore::empty();
        let read = |error: rustls::pki_types::pem::Error| format!("{}: {error}", file.display());
        for authority in CertificateDer::pem_file_iter(&file).map_err(read)? {
            roots.add(authority.map_err(read)?).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

//! Upstreams under TLS: HTTP/2 and HTTP/1.1 by ALPN, a provider's own CA, connection reuse, and certificates that are not to be trusted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use support::sidecar::Sidecar;

/// A vendor under TLS that counts connections and remembers the version and key of the last request.
struct Vendor {
    address: SocketAddr,
    ca: tempfile::NamedTempFile,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    http2: Arc<AtomicUsize>,
}

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

impl Vendor {
    /// `name` is the name in the certificate.
    fn start(name: &str, alpn: &[&[u8]]) -> Self {
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), certified.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let vendor = Self {
            address: listener.local_addr().unwrap(),
            ca,
            connections: Arc::default(),
            requests: Arc::default(),
            http2: Arc::default(),
        };
        let (connections, requests, http2) = (Arc::clone(&vendor.connections), Arc::clone(&vendor.requests), Arc::clone(&vendor.http2));
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (acceptor, requests, http2) = (acceptor.clone(), Arc::clone(&requests), Arc::clone(&http2));
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                            requests.fetch_add(1, Ordering::SeqCst);
                            http2.fetch_add(usize::from(request.version() == http::Version::HTTP_2), Ordering::SeqCst);
                            async move {
                                let _ = request.into_body().collect().await;
                                let mut answer = http::Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
                                answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
                                Ok::<_, Infallible>(answer)
                            }
                        });
                        let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        vendor
    }

    async fn sidecar(&self, tls: &str) -> Sidecar {
        Sidecar::start(&format!(
            "providers:\n  secure:\n    type: openai_compatible\n    base_url: https://localhost:{}/v1\n    api_key: ${{KEY:-canary-key}}\n    retry: {{attempts: 1}}\n    tls: {tls}\n",
            self.address.port()
        ))
        .await
    }
}

fn request() -> Value {
    json!({"model": "secure/m", "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test]
async fn http2_is_used_where_the_upstream_offers_it_and_one_connection_serves_many_requests() {
    let vendor = Vendor::start("localhost", &[b"h2", b"http/1.1"]);
    let sidecar = vendor.sidecar(&format!("{{ca: {}}}", vendor.ca.path().display())).await;
    for _ in 0..10 {
        let answer = sidecar.chat(&request()).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(vendor.http2.load(Ordering::SeqCst), 10);
    assert!(vendor.connections.load(Ordering::SeqCst) <= 2, "one connection a worker");
}

#[tokio::test]
async fn http1_connections_under_tls_are_kept() {
    let vendor = Vendor::start("localhost", &[b"http/1.1"]);
    let sidecar = vendor.sidecar(&format!("{{ca: {}}}", vendor.ca.path().display())).await;
    for _ in 0..10 {
        assert_eq!(sidecar.chat(&request()).await.status(), 200);
    }
    assert_eq!(vendor.http2.load(Ordering::SeqCst), 0);
    assert!(vendor.connections.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_get_no_request() {
    let vendor = Vendor::start("localhost", &[b"h2"]);
    let stranger = vendor.sidecar("{}").await;
    let answer = stranger.chat(&request()).await;
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("upstream_tls"), "{}", answer.text());
    let other = Vendor::start("elsewhere.example", &[b"h2"]);
    let misnamed = other.sidecar(&format!("{{ca: {}}}", other.ca.path().display())).await;
    assert_eq!(misnamed.chat(&request()).await.status(), 502);
    let renamed = other.sidecar(&format!("{{ca: {}, server_name: elsewhere.example}}", other.ca.path().display())).await;
    assert_eq!(renamed.chat(&request()).await.status(), 200);
    assert_eq!(vendor.requests.load(Ordering::SeqCst), 0);
}

//! Who is let in to the admin API: hashed tokens, an OpenID Connect provider, a Kubernetes cluster, clients' certificates, and the
//! wait after wrong tokens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use support::client::{Answer, Client};
use support::sidecar::{Setting, Sidecar};
use support::upstream::{Script, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PROVIDER: &str = "providers: {vendor: {type: openai_compatible, base_url: \"http://127.0.0.1:1/v1\", models: [m]}}\n";
const STATUS: &str = "/api/v1/config/status";
const RELOAD: &str = "/api/v1/config/reload";

async fn ask(sidecar: &Sidecar, method: &str, path: &str, token: &str) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n")).await;
    client.answer().await
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.json()["error"]["code"].as_str()), (status, Some(code)), "{}", answer.text());
}

async fn get(sidecar: &Sidecar, token: &str) -> u16 {
    ask(sidecar, "GET", STATUS, token).await.status()
}

#[tokio::test]
async fn a_hashed_token_lets_in_and_its_hash_does_not() {
    let hash: String =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"operator-token-1").as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let sidecar =
        Sidecar::start(&format!("{PROVIDER}admin: {{listen: 127.0.0.1:0, tokens: [{{name: ops, token_sha256: {hash}}}]}}\n")).await;
    assert_eq!(get(&sidecar, "operator-token-1").await, 200);
    let refused = ask(&sidecar, "GET", STATUS, &hash).await;
    assert_problem(&refused, 401, "invalid_api_key");
    assert_eq!(refused.head.header("www-authenticate"), Some("Bearer"));
    assert_eq!(ask(&sidecar, "POST", RELOAD, "operator-token-1").await.status(), 403);
}

#[tokio::test]
async fn wrong_tokens_make_their_sender_wait() {
    let sidecar =
        Sidecar::start(&format!("{PROVIDER}admin: {{listen: 127.0.0.1:0, tokens: [{{name: ops, token: operator-token-1}}]}}\n")).await;
    for _ in 0..5 {
        assert_eq!(get(&sidecar, "guess").await, 401);
    }
    for token in ["guess", "operator-token-1"] {
        let told = ask(&sidecar, "GET", STATUS, token).await;
        assert_problem(&told, 429, "too_many_attempts");
        assert!(told.head.header("retry-after").unwrap().parse::<u64>().unwrap() <= 12);
    }
    // Health and metrics need no token.
    assert_eq!(ask(&sidecar, "GET", "/metrics", "guess").await.status(), 200);
}

struct Signer {
    key: EncodingKey,
    id: String,
    jwk: Value,
}

fn signer(id: &str) -> Signer {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
    Signer { key: EncodingKey::from_ec_der(pkcs8.as_ref()), id: id.into(), jwk }
}

fn token(signer: &Signer, issuer: &str, groups: &[&str]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": issuer, "aud": "llm-sidecar", "sub": "u1", "exp": now + 600, "groups": groups});
    encode(&Header { kid: Some(signer.id.clone()), ..Header::new(Algorithm::ES256) }, &claims, &signer.key).unwrap()
}

#[tokio::test]
async fn users_of_an_openid_connect_provider_have_the_roles_of_their_groups() {
    let provider = Upstream::start().await;
    let issuer = format!("http://{}", provider.address);
    let first = signer("k1");
    let keys = Arc::new(Mutex::new(vec![first.jwk.clone()]));
    let (served, said) = (Arc::clone(&keys), issuer.clone());
    provider.respond(move |seen| match seen.path.as_str() {
        "/.well-known/openid-configuration" => Script::json(200, &json!({"issuer": said, "jwks_uri": format!("{said}/keys")})),
        "/keys" => Script::json(200, &json!({"keys": *served.lock().unwrap()})),
        _ => Script::json(404, &json!({})),
    });
    let admin = format!(
        "admin: {{listen: 127.0.0.1:0, oidc: {{issuer: \"{issuer}\", audience: llm-sidecar, roles: {{devs: viewer, ops: operator}}}}}}\n"
    );
    let sidecar = Sidecar::start(&format!("{PROVIDER}{admin}")).await;
    assert_eq!(get(&sidecar, &token(&first, &issuer, &["devs"])).await, 200);
    assert_eq!(ask(&sidecar, "POST", RELOAD, &token(&first, &issuer, &["devs"])).await.status(), 403);
    assert_eq!(ask(&sidecar, "POST", RELOAD, &token(&first, &issuer, &["devs", "ops"])).await.status(), 200);
    assert_problem(&ask(&sidecar, "GET", STATUS, &token(&first, &issuer, &["others"])).await, 403, "permission_denied");
    assert_eq!(get(&sidecar, &token(&first, "http://127.0.0.1:1", &["ops"])).await, 401, "another issuer");
    assert_eq!(get(&sidecar, &token(&signer("k1"), &issuer, &["ops"])).await, 401, "another key of the same name");
    assert_eq!(provider.count(), 2, "the keys are kept");
    assert!(!sidecar.log().iter().any(|line| line.contains("eyJ")), "a token in the log");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_lets_nobody_in_and_others_still() {
    let admin = "admin: {listen: 127.0.0.1:0, tokens: [{name: ops, token: operator-token-1}], oidc: {issuer: \"http://127.0.0.1:1\", audience: llm-sidecar, roles: {ops: admin}}}\n";
    let sidecar = Sidecar::start(&format!("{PROVIDER}{admin}")).await;
    let told = ask(&sidecar, "GET", STATUS, &token(&signer("k1"), "http://127.0.0.1:1", &["ops"])).await;
    assert_eq!((told.status(), told.json()["error"]["code"].as_str()), (503, Some("login_unavailable")));
    assert_eq!(get(&sidecar, "operator-token-1").await, 200);
}

#[tokio::test]
async fn service_accounts_have_the_roles_of_their_names_and_groups() {
    let cluster = Upstream::start().await;
    cluster.respond(|seen| {
        if seen.header("authorization") != Some("Bearer own-token") || seen.path != "/apis/authentication.k8s.io/v1/tokenreviews" {
            return Script::json(403, &json!({"kind": "Status", "code": 403}));
        }
        let body = seen.json();
        assert_eq!((&body["kind"], &body["spec"]["audiences"]), (&json!("TokenReview"), &json!(["llm-sidecar"])));
        let token = body["spec"]["token"].as_str().unwrap();
        let name = URL_SAFE_NO_PAD.decode(token.split('.').next_back().unwrap()).map(|name| String::from_utf8(name).unwrap()).unwrap_or_default();
        let status = match name.as_str() {
            "deployer" => json!({"authenticated": true, "user": {"username": "system:serviceaccount:ops:deployer", "groups": ["system:authenticated"]}, "audiences": ["llm-sidecar"]}),
            "reader" => json!({"authenticated": true, "user": {"username": "x", "groups": ["readers"]}, "audiences": ["llm-sidecar"]}),
            "elsewhere" => json!({"authenticated": true, "user": {"username": "system:serviceaccount:ops:deployer"}, "audiences": ["https://kubernetes.default.svc"]}),
            "stranger" => json!({"authenticated": true, "user": {"username": "y", "groups": []}, "audiences": ["llm-sidecar"]}),
            _ => json!({"authenticated": false, "error": "invalid bearer token"}),
        };
        Script::json(201, &json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}))
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "own-token\n").unwrap();
    let admin = format!(
        "admin: {{listen: 127.0.0.1:0, kubernetes: {{api_server: \"http://{}\", audience: llm-sidecar, token_file: {}, roles: {{\"system:serviceaccount:ops:deployer\": operator, readers: viewer}}}}}}\n",
        cluster.address,
        file.display()
    );
    let sidecar = Sidecar::start(&format!("{PROVIDER}{admin}")).await;
    let jwt = |name: &str| format!("e30.{}.{}", URL_SAFE_NO_PAD.encode(r#"{"iss":"kubernetes"}"#), URL_SAFE_NO_PAD.encode(name));
    assert_eq!(ask(&sidecar, "POST", RELOAD, &jwt("deployer")).await.status(), 200);
    assert_eq!(get(&sidecar, &jwt("reader")).await, 200);
    assert_eq!(ask(&sidecar, "POST", RELOAD, &jwt("reader")).await.status(), 403);
    assert_eq!(cluster.count(), 2, "an answer holds for a while");
    assert_eq!(get(&sidecar, &jwt("stranger")).await, 403);
    for unknown in ["elsewhere", "nobody"] {
        assert_eq!(get(&sidecar, &jwt(unknown)).await, 401, "{unknown}");
    }
    // What is no JWT is not shown to the cluster.
    let asked = cluster.count();
    assert_eq!(get(&sidecar, "operator-token-1").await, 401);
    assert_eq!(cluster.count(), asked);
    fs::write(&file, "wrong-token\n").unwrap();
    assert_eq!(get(&sidecar, &jwt("another")).await, 503);
}

/// Asks over TLS, with a certificate or without.
async fn ask_tls(
    sidecar: &Sidecar,
    server_ca: &rcgen::Certificate,
    identity: Option<(&rcgen::Certificate, &rcgen::KeyPair)>,
    path: &str,
) -> std::io::Result<u16> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server_ca.der().clone()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            builder.with_client_auth_cert(vec![cert.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap()
        }
    };
    let stream = tokio::net::TcpStream::connect(sidecar.admin).await?;
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator-token-1\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split(' ').nth(1).unwrap().parse().unwrap())
}

#[tokio::test]
async fn everything_but_health_needs_a_certificate_where_authorities_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let authority = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let client = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, client, key)
    };
    let (ca, client, key) = authority("ours");
    let (_, other, other_key) = authority("theirs");
    let file = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (cert, cert_key) = (file("cert.pem", server.cert.pem()), file("key.pem", server.signing_key.serialize_pem()));
    let ca = file("ca.pem", ca.pem());
    let admin = format!(
        "admin: {{listen: 127.0.0.1:0, tls: {{cert: {cert}, key: {cert_key}, client_ca: {ca}}}, tokens: [{{name: ops, token: operator-token-1}}]}}\n"
    );
    let setting = Setting { has_admin_tls: true, ..Setting::default() };
    let sidecar = Sidecar::start_in(&format!("{PROVIDER}{admin}"), &setting).await;
    let ours = Some((&client, &key));
    assert_eq!(ask_tls(&sidecar, &server.cert, ours, STATUS).await.unwrap(), 200);
    assert_eq!(ask_tls(&sidecar, &server.cert, ours, "/metrics").await.unwrap(), 200);
    assert_eq!(ask_tls(&sidecar, &server.cert, None, "/readyz").await.unwrap(), 200);
    for path in [STATUS, "/metrics", "/"] {
        assert_eq!(ask_tls(&sidecar, &server.cert, None, path).await.unwrap(), 403, "{path}");
    }
    assert!(ask_tls(&sidecar, &server.cert, Some((&other, &other_key)), "/readyz").await.is_err(), "a foreign certificate");
    let health = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_llm-sidecar"));
        command.args(["health", "--admin", &sidecar.admin.to_string()]).args(more).env_clear().output().unwrap().status.success()
    };
    assert!(health(&["--ca", &cert]));
    assert!(!health(&[]) && !health(&["--ca", &ca]));
}

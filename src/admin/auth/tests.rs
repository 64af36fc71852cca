use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::jwt::{Verdict, issuer, verify};
use super::*;
use crate::config::{ClientTls, Oidc};

const NOW: u64 = 1_800_000_000;

struct Signer {
    key: EncodingKey,
    jwk: Value,
    public: Vec<u8>,
}

fn signer(id: &str) -> Signer {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let (x, y) = public[1..].split_at(32);
    let jwk = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
    Signer { key: EncodingKey::from_ec_der(pkcs8.as_ref()), jwk, public }
}

fn role(name: &str) -> Role {
    Role::built_in(name).unwrap()
}

fn set(keys: &[&Value]) -> JwkSet {
    serde_json::from_value(json!({"keys": keys})).unwrap()
}

fn oidc() -> Oidc {
    Oidc {
        issuer: "https://login.example".into(),
        audience: "llm-sidecar".into(),
        jwks_url: None,
        name_claim: None,
        role_claim: "groups".into(),
        roles: [("devs".to_owned(), role("viewer")), ("ops".to_owned(), role("admin"))].into(),
        tls: ClientTls::default(),
    }
}

fn claims() -> Value {
    json!({"iss": "https://login.example", "aud": ["other", "llm-sidecar"], "sub": "u1", "email": "a@example.com", "exp": NOW + 300, "nbf": NOW - 5, "groups": ["devs", "ops"]})
}

fn signed(signer: &Signer, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &signer.key).unwrap()
}

#[test]
fn a_good_token_gives_a_name_and_the_highest_role() {
    let key = signer("k1");
    let keys = set(&[&key.jwk]);
    let good = |name: &str, role| Verdict::Good { name: name.into(), role };
    assert_eq!(verify(&oidc(), &keys, &signed(&key, Some("k1"), &claims()), NOW), good("a@example.com", Some(role("admin"))));
    assert_eq!(verify(&oidc(), &keys, &signed(&key, None, &claims()), NOW), good("a@example.com", Some(role("admin"))));
    assert_eq!(issuer(&signed(&key, None, &claims())).as_deref(), Some("https://login.example"));
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signed(&key, Some("k1"), &claims)
    };
    assert_eq!(verify(&oidc(), &keys, &with("groups", json!("devs")), NOW), good("a@example.com", Some(role("viewer"))));
    assert_eq!(verify(&oidc(), &keys, &with("groups", json!(["x"])), NOW), good("a@example.com", None));
    assert_eq!(verify(&oidc(), &keys, &with("groups", json!({"ops": true})), NOW), good("a@example.com", None));
    let nested = Oidc { role_claim: "realm_access.roles".into(), name_claim: Some("sub".into()), ..oidc() };
    assert_eq!(verify(&nested, &keys, &with("realm_access", json!({"roles": ["ops"]})), NOW), good("u1", Some(role("admin"))));
}

#[test]
fn what_is_not_quite_right_is_refused() {
    let key = signer("k1");
    let keys = set(&[&key.jwk]);
    for (name, value) in [
        ("iss", json!("https://login.example/")),
        ("aud", json!("other")),
        ("aud", Value::Null),
        ("exp", json!(NOW - 61)),
        ("exp", Value::Null),
        ("exp", json!("never")),
        ("nbf", json!(NOW + 120)),
        ("nbf", json!("later")),
    ] {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name)
        } else {
            claims.as_object_mut().unwrap().insert(name.into(), value.clone())
        };
        assert_eq!(verify(&oidc(), &keys, &signed(&key, Some("k1"), &claims), NOW), Verdict::Bad, "{name}: {value}");
    }
    let good = signed(&key, Some("k1"), &claims());
    assert_eq!(verify(&oidc(), &keys, &good, NOW + 3600), Verdict::Bad);
    let mut parts: Vec<&str> = good.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(
        json!({"iss": "https://login.example", "aud": "llm-sidecar", "sub": "root", "exp": NOW + 9, "groups": ["ops"]}).to_string(),
    );
    parts[1] = &forged;
    assert_eq!(verify(&oidc(), &keys, &parts.join("."), NOW), Verdict::Bad);
    for text in ["", "a", "a.b", "a.b.c", "a.b.c.d", &good[..good.len() - 1]] {
        assert_eq!(verify(&oidc(), &keys, text, NOW), Verdict::Bad, "{text}");
    }
}

#[test]
fn a_signature_proves_something_only_by_a_public_key_of_the_provider() {
    let (key, other) = (signer("k1"), signer("k1"));
    let keys = set(&[&key.jwk]);
    assert_eq!(verify(&oidc(), &keys, &signed(&other, Some("k1"), &claims()), NOW), Verdict::Bad, "another's key under the same name");
    assert_eq!(verify(&oidc(), &keys, &signed(&key, Some("k2"), &claims()), NOW), Verdict::UnknownKey);
    let two = set(&[&key.jwk, &signer("k2").jwk]);
    assert_eq!(verify(&oidc(), &two, &signed(&key, None, &claims()), NOW), Verdict::Bad, "without a name there must be no choice");
    // The public key taken for a shared secret, and no signature at all.
    let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&header, &claims(), &EncodingKey::from_secret(&key.public).unwrap()).unwrap();
    assert_eq!(verify(&oidc(), &keys, &confused, NOW), Verdict::Bad);
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#), URL_SAFE_NO_PAD.encode(claims().to_string()));
    assert_eq!(verify(&oidc(), &keys, &none, NOW), Verdict::Bad);
    let mut encrypts = key.jwk.clone();
    encrypts["use"] = json!("enc");
    assert_eq!(verify(&oidc(), &set(&[&encrypts]), &signed(&key, Some("k1"), &claims()), NOW), Verdict::UnknownKey);
}

fn admin(tokens: &[(&str, &str)]) -> Admin {
    let tokens = tokens.iter().map(|(token, role)| {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        AdminToken { name: format!("of {token}"), role: self::role(role), digest: hash }
    });
    Admin {
        listen: Vec::new(),
        tls: None,
        tokens: tokens.collect(),
        oidc: None,
        kubernetes: None,
        roles: Vec::new(),
        allow_urls: Vec::new(),
    }
}

async fn identify(authenticator: &Authenticator, admin: &Admin, header: Option<&str>, address: &str) -> Result<String, Refused> {
    let mut headers = HeaderMap::new();
    if let Some(value) = header {
        headers.insert(AUTHORIZATION, value.parse().unwrap());
    }
    let peer = Peer { address: address.parse().unwrap(), lacks_certificate: false };
    authenticator.identify(admin, &headers, peer).await.map(|caller| caller.role.name)
}

#[tokio::test]
async fn configured_tokens_are_known_and_others_are_not() {
    let (authenticator, admin) = (Authenticator::default(), admin(&[("viewer-token", "viewer"), ("operator-token", "operator")]));
    let ask = |header: &'static str| identify(&authenticator, &admin, Some(header), "10.0.0.1");
    assert_eq!(ask("Bearer viewer-token").await, Ok("viewer".into()));
    assert_eq!(ask("bearer operator-token").await, Ok("operator".into()));
    for wrong in ["Bearer viewer-toke", "Bearer viewer-tokenx", "Bearer a.b.c"] {
        assert_eq!(ask(wrong).await, Err(Refused::Unknown), "{wrong}");
    }
    for none in ["Bearer", "Bearer ", "Basic dmlld2VyLXRva2Vu", "viewer-token"] {
        assert_eq!(ask(none).await, Err(Refused::Missing), "{none}");
    }
    assert_eq!(identify(&authenticator, &admin, None, "10.0.0.1").await, Err(Refused::Missing));
    assert_eq!(identify(&authenticator, &self::admin(&[]), Some("Bearer viewer-token"), "10.0.0.1").await, Err(Refused::Closed));
}

#[tokio::test]
async fn who_guesses_has_to_wait_even_with_a_right_guess() {
    let (authenticator, admin) = (Authenticator::default(), admin(&[("viewer-token", "viewer")]));
    for _ in 0..5 {
        assert_eq!(identify(&authenticator, &admin, Some("Bearer guess"), "10.0.0.1").await, Err(Refused::Unknown));
    }
    for token in ["Bearer guess", "Bearer viewer-token"] {
        assert!(matches!(identify(&authenticator, &admin, Some(token), "10.0.0.1").await, Err(Refused::Throttled(_))));
    }
    assert_eq!(identify(&authenticator, &admin, Some("Bearer viewer-token"), "10.0.0.2").await, Ok("viewer".into()));
}

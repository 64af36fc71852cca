//! Whether a token is one of an OpenID Connect provider's, and what it says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::config::{Oidc, Role};

/// Clocks may differ by so much, in seconds.
const LEEWAY: u64 = 60;
/// Signatures by a public key. One by a shared secret, or none, would prove nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

type Claims = Map<String, Value>;

/// What is thought of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is good; without a role its owner may do nothing.
    Good {
        name: String,
        role: Option<Role>,
    },
    Bad,
    /// It names a key that is not in the set, which may be too old.
    UnknownKey,
}

/// Who says to have made a token; `None` if it is no JWT. Proves nothing.
pub(super) fn issuer(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

/// `now` in seconds of Unix time.
pub(super) fn verify(oidc: &Oidc, keys: &JwkSet, token: &str, now: u64) -> Verdict {
    let Ok(header) = decode_header(token) else { return Verdict::Bad };
    if !ALGORITHMS.contains(&header.alg) {
        return Verdict::Bad;
    }
    let signs = |key: &&Jwk| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let key = match &header.kid {
        Some(id) => keys.keys.iter().filter(signs).find(|key| key.common.key_id.as_ref() == Some(id)),
        // Without a name there must be no choice.
        None if keys.keys.len() == 1 => keys.keys.iter().find(signs),
        None => return Verdict::Bad,
    };
    let Some(key) = key else { return Verdict::UnknownKey };
    let named = key.common.key_algorithm.map(|algorithm| algorithm.to_string());
    if named.is_some_and(|named| named != format!("{:?}", header.alg)) {
        return Verdict::Bad;
    }
    let Ok(key) = DecodingKey::from_jwk(key) else { return Verdict::Bad };
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[&oidc.audience]);
    validation.set_issuer(&[&oidc.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    // The time is compared below, where it is an argument.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let Ok(decoded) = decode::<Claims>(token, &key, &validation) else { return Verdict::Bad };
    let claims = decoded.claims;
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|time| time as u64);
    let is_in_time = time("exp").is_some_and(|end| end.saturating_add(LEEWAY) > now)
        && (claims.get("nbf").is_none() || time("nbf").is_some_and(|begin| begin <= now + LEEWAY));
    if !is_in_time {
        return Verdict::Bad;
    }
    match name(oidc, &claims) {
        Some(name) => Verdict::Good { name, role: role(oidc, &claims) },
        None => Verdict::Bad,
    }
}

fn name(oidc: &Oidc, claims: &Claims) -> Option<String> {
    let text = |name: &str| claim(claims, name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match &oidc.name_claim {
        Some(name) => text(name),
        None => text("email").or_else(|| text("preferred_username")).or_else(|| text("sub")),
    }
}

/// What the roles of all groups permit together.
fn role(oidc: &Oidc, claims: &Claims) -> Option<Role> {
    let role = |group: &str| oidc.roles.get(group);
    match claim(claims, &oidc.role_claim)? {
        Value::String(group) => role(group).cloned(),
        Value::Array(groups) => Role::union(groups.iter().filter_map(Value::as_str).filter_map(role)),
        _ => None,
    }
}

/// A claim by its name, or by the way into an object: `realm_access.roles`.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut steps = name.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

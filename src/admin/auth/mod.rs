//! Who somebody is on the admin listener: by a token of the configuration, of an OpenID Connect provider, or of a Kubernetes
//! cluster. Who fails too often is made to wait.

mod jwt;
mod keys;
mod review;
mod throttle;

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::Instant;

use crate::config::{Admin, AdminToken, Role};
use jwt::Verdict;
use keys::KeySets;
use review::Reviews;
use throttle::Throttle;

/// A longer token is no token, in bytes.
const LONGEST: usize = 16 << 10;

/// The other end of an admin connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: IpAddr,
    /// A certificate was asked for and none came.
    pub lacks_certificate: bool,
}

/// Who is asking, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The token's name, or the user's.
    pub name: String,
    pub role: Role,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody is configured, so nobody may.
    Closed,
    /// There is no token.
    Missing,
    /// The token is nobody's, or no longer good.
    Unknown,
    /// The token is good, but its owner has no role here.
    Stranger,
    /// Too many tokens from this address were wrong: ask again after this time.
    Throttled(Duration),
    /// Whoever vouches for the token cannot be asked.
    Unavailable,
    /// A client's certificate is needed.
    Certificate,
}

/// Tells who somebody is. Kept across reloads.
#[derive(Default)]
pub struct Authenticator {
    throttle: Throttle,
    keys: KeySets,
    reviews: Reviews,
}

impl Authenticator {
    /// Who sends a request with these headers.
    pub(super) async fn identify(&self, admin: &Admin, headers: &HeaderMap, peer: Peer) -> Result<Caller, Refused> {
        if peer.lacks_certificate {
            return Err(Refused::Certificate);
        }
        if admin.is_closed() {
            return Err(Refused::Closed);
        }
        let token = bearer(headers).ok_or(Refused::Missing)?;
        // Before the token is looked at: who is made to wait must not learn whether a guess was right.
        if let Some(wait) = self.throttle.wait(peer.address, Instant::now()) {
            return Err(Refused::Throttled(wait));
        }
        let identified = self.identify_token(admin, token).await;
        if identified == Err(Refused::Unknown) {
            self.throttle.failed(peer.address, Instant::now());
            tracing::warn!(address = %peer.address, "an admin token was refused");
        }
        identified
    }

    async fn identify_token(&self, admin: &Admin, token: &str) -> Result<Caller, Refused> {
        if token.len() > LONGEST {
            return Err(Refused::Unknown);
        }
        if let Some(known) = configured(&admin.tokens, token) {
            return Ok(Caller { name: known.name.clone(), role: known.role.clone() });
        }
        let Some(issuer) = jwt::issuer(token) else { return Err(Refused::Unknown) };
        if let Some(oidc) = admin.oidc.as_ref().filter(|oidc| oidc.issuer == issuer) {
            return match self.keys.verify(oidc, token, unix_now()).await? {
                Verdict::Good { name, role: Some(role) } => Ok(Caller { name, role }),
                Verdict::Good { .. } => Err(Refused::Stranger),
                Verdict::Bad | Verdict::UnknownKey => Err(Refused::Unknown),
            };
        }
        match &admin.kubernetes {
            Some(kubernetes) => self.reviews.review(kubernetes, token).await,
            None => Err(Refused::Unknown),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The configured token that this is. All are compared, so that time tells nothing of which one fits.
fn configured<'a>(tokens: &'a [AdminToken], presented: &str) -> Option<&'a AdminToken> {
    let presented = digest(&SHA256, presented.as_bytes());
    tokens.iter().fold(
        None,
        |found, token| {
            if verify_slices_are_equal(&token.digest, presented.as_ref()).is_ok() { Some(token) } else { found }
        },
    )
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;

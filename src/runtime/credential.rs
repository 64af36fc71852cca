//! How a request is authenticated at a vendor.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::live::Live;
use super::tokens::Tokens;
use crate::config::{ClientTls, CloudAuth};
use crate::vendor::auth;
use crate::vendor::catalogue::Auth;

/// One credential of a provider.
pub struct Credential {
    pub kind: CredentialKind,
    /// Tells one credential of a process from another without telling anything of its key.
    pub id: String,
}

/// What is put into a request.
pub enum CredentialKind {
    Header(HeaderName, HeaderValue),
    /// A token, which may have to be fetched first.
    Tokens(Arc<Tokens>),
    /// The client's own credential is sent on in the vendor's header.
    Forward(Auth),
    None,
}

impl Credential {
    /// `None` where the key has characters that no header can hold.
    pub(super) fn key(auth: &Auth, key: &str) -> Option<Self> {
        let (name, value) = auth_header(auth, key)?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
        let id = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { kind: CredentialKind::Header(name, value), id })
    }

    /// An identity at a cloud, and the project that pays for requests where the credential names one.
    pub(super) fn cloud(identity: &CloudAuth, trust: &ClientTls, provider: &str, live: &Live) -> Result<(Self, Option<String>), String> {
        let auth::Built { source, id, quota_project } = auth::source(identity)?;
        // Token servers have other names than the vendor, and are shown no certificate.
        let trust = ClientTls { ca_pem: trust.ca_pem.clone(), ..ClientTls::default() };
        let authority = String::from_utf8_lossy(trust.ca_pem.as_deref().unwrap_or_default()).into_owned();
        let tokens = live.tokens(format!("{provider}\n{id}\n{authority}"), || Tokens::new(source, trust, provider));
        Ok((Self { kind: CredentialKind::Tokens(tokens), id }, quota_project))
    }

    pub(super) fn forward(auth: &Auth) -> Self {
        Self { kind: CredentialKind::Forward(auth.clone()), id: "forward".to_owned() }
    }

    pub(super) fn none() -> Self {
        Self { kind: CredentialKind::None, id: "none".to_owned() }
    }

    /// The key as the vendor gets it, to take it out of texts. Empty where there is none.
    pub fn exposed(&self) -> Cow<'_, str> {
        match &self.kind {
            CredentialKind::Header(_, value) => value.to_str().map(|v| v.trim_start_matches("Bearer ")).unwrap_or_default().into(),
            CredentialKind::Tokens(tokens) => tokens.held().map(|grant| grant.exposed().to_owned()).unwrap_or_default().into(),
            CredentialKind::Forward(_) | CredentialKind::None => "".into(),
        }
    }
}

/// The header that carries a key to a vendor.
pub fn auth_header(auth: &Auth, key: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = match auth {
        Auth::Bearer => (http::header::AUTHORIZATION, format!("Bearer {key}")),
        Auth::Header(name) => (HeaderName::from_bytes(name.as_bytes()).ok()?, key.to_owned()),
        Auth::None => return None,
    };
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

//! Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};

use crate::base::secret::Secret;
use crate::vendor::auth::AuthError;

/// The operation, in the services that have but one path.
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// An identity's keys.
#[derive(Clone)]
pub struct AwsKeys {
    pub id: String,
    pub secret: Secret,
    pub session: Option<Secret>,
}

/// Keys, and what they sign for.
#[derive(Clone)]
pub struct Signer {
    pub keys: AwsKeys,
    pub region: String,
    pub service: &'static str,
}

impl Signer {
    /// The headers that sign a request. `url` is absolute, its path escaped as it is sent; of `headers` only the content's type
    /// and the operation count, as the others may change on the way.
    ///
    /// # Errors
    /// If something in it cannot be signed.
    pub fn sign(
        &self,
        method: &Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: &[u8],
        now: SystemTime,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, AuthError> {
        let failed = || AuthError::new("the request could not be signed");
        let session = self.keys.session.as_ref().map(|session| session.expose().to_owned());
        let identity = Credentials::new(&self.keys.id, self.keys.secret.expose(), session, None, "llm-sidecar").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| failed())?
            .into();
        let counts = |name: &HeaderName| *name == CONTENT_TYPE || *name == TARGET;
        let signed =
            headers.iter().filter(|(name, _)| counts(name)).filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let request = SignableRequest::new(method.as_str(), url, signed, SignableBody::Bytes(body)).map_err(|_| failed())?;
        let (instructions, _) = sign(request, &params).map_err(|_| failed())?.into_parts();
        let header = |(name, value): (&str, &str)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        instructions.headers().map(|pair| header(pair).ok_or_else(failed)).collect()
    }
}

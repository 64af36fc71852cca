//! Credentials that are more than a fixed key: a token has to be fetched and renewed. Here is what to ask, in which order, how
//! to read the answers and when to ask again; nothing touches the network, a file or the clock.

mod answer;
mod aws;
mod cached;
mod entra;
mod google;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method};

use crate::base::secret::Secret;
use crate::config::CloudAuth;
pub use answer::{AuthError, refusal};
pub use aws::{AwsKeys, Signer};
pub use cached::{Cached, Look};

/// A way to a token, step by step.
pub trait Source: Send + Sync {
    /// What follows the steps that have brought `got`, one entry each.
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError>;
}

/// One step on the way.
pub enum Step {
    Ask(Ask),
    /// The content of a file, which may change from one time to the next.
    Read(PathBuf),
    /// What a shell command prints.
    Run(String),
    Done(Granted),
}

/// A request to a server that hands out tokens.
pub struct Ask {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Secret,
}

/// What was fetched.
#[derive(Clone)]
pub struct Granted {
    pub grant: Grant,
    /// For how long it is good; `None` is for ever.
    pub lasts: Option<Duration>,
}

/// What a request is authenticated with.
#[derive(Clone)]
pub enum Grant {
    /// The value of `Authorization`.
    Bearer(HeaderValue),
    /// Keys of AWS's, which sign nothing yet.
    Keys(AwsKeys),
    /// Keys of AWS's, which sign requests.
    Signer(Box<Signer>),
}

impl Grant {
    /// The secret in it, to take it out of texts.
    pub fn exposed(&self) -> &str {
        match self {
            Self::Bearer(value) => value.to_str().map(|value| value.trim_start_matches("Bearer ")).unwrap_or_default(),
            Self::Keys(keys) => keys.secret.expose(),
            Self::Signer(signer) => signer.keys.secret.expose(),
        }
    }
}

/// A source made from the configuration.
pub struct Built {
    pub source: Box<dyn Source>,
    /// Tells one identity of a process from another without telling anything of its secrets.
    pub id: String,
    /// The project that pays for requests, where the credential names another than its own.
    pub quota_project: Option<String>,
}

/// The source of an identity's tokens.
///
/// # Errors
/// Says what is wrong with the settings.
pub fn source(auth: &CloudAuth) -> Result<Built, String> {
    match auth {
        CloudAuth::Google(google) => google::source(google),
        CloudAuth::Aws(aws) => Ok(aws::source(aws)),
        CloudAuth::Entra(entra) => Ok(entra::source(entra)),
    }
}

/// A digest that tells settings apart.
fn id_of(parts: &[&str]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Ask {
    fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: Vec::new(), body: Secret::new("") }
    }

    /// A form, posted.
    fn form(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let escaped = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = vec![(http::header::CONTENT_TYPE, form)];
        Self { method: Method::POST, url: url.into(), headers, body: Secret::new(body.join("&")) }
    }

    fn json(url: impl Into<String>, body: &serde_json::Value) -> Self {
        let headers = vec![(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Self { method: Method::POST, url: url.into(), headers, body: Secret::new(body.to_string()) }
    }

    /// With a header that must not be shown.
    fn with(mut self, name: HeaderName, value: &str) -> Result<Self, AuthError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| AuthError::new("a secret has characters that no header can hold"))?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(self)
    }
}

impl Granted {
    /// A bearer token.
    fn bearer(token: &str, lasts: Option<Duration>) -> Result<Self, AuthError> {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.map_err(|_| AuthError::new("the token has characters that no header can hold"))?;
        value.set_sensitive(true);
        Ok(Self { grant: Grant::Bearer(value), lasts })
    }
}

/// What a source does with the token of another one: a further step.
struct Then<F> {
    first: Arc<dyn Source>,
    after: F,
}

impl<F> Source for Then<F>
where
    F: Fn(&Grant, Option<&[u8]>, SystemTime) -> Result<Step, AuthError> + Send + Sync,
{
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        // The first source is done after so many steps as it takes itself.
        for taken in 0..=got.len() {
            let (before, rest) = got.split_at(taken);
            match self.first.step(before, now)? {
                Step::Done(granted) => return (self.after)(&granted.grant, rest.first().map(Vec::as_slice), now),
                step if rest.is_empty() => return Ok(step),
                _ => {}
            }
        }
        Err(AuthError::new("the token's source does not end"))
    }
}

//! Why a request got no answer.

use std::fmt;

use crate::base::outcome::AttemptClass;

/// A request that got no answer head, or a body that broke off.
#[derive(Debug)]
pub struct SendError {
    pub kind: SendErrorKind,
    /// For the log only: it may name hosts and addresses.
    pub cause: String,
}

/// What went wrong, in the order of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    Dns,
    /// The upstream's name leads to where it must not.
    Inside,
    Connect,
    ConnectTimeout,
    /// The upstream's certificate is not to be trusted; trying again will not help.
    TlsUntrusted,
    Tls,
    /// The connection died before a byte of the request was written.
    Unsent,
    /// The connection died after the request was written.
    Reset,
    /// The answer is not HTTP, or its body does not keep to its own framing.
    Protocol,
    /// The client's own request body failed while it was being sent on.
    RequestBody,
}

impl SendError {
    #[cold]
    pub fn new(kind: SendErrorKind, cause: impl fmt::Display) -> Self {
        Self { kind, cause: cause.to_string() }
    }

    #[cold]
    pub(super) fn from_hyper(error: &hyper::Error) -> Self {
        let kind = if error.is_user() {
            SendErrorKind::RequestBody
        } else if error.is_parse() {
            SendErrorKind::Protocol
        } else {
            SendErrorKind::Reset
        };
        let mut cause = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            cause.push_str(": ");
            cause.push_str(&inner.to_string());
            source = inner.source();
        }
        Self { kind, cause }
    }
}

impl SendErrorKind {
    /// Whether the upstream may have worked on the request.
    pub fn class(self) -> AttemptClass {
        match self {
            Self::Dns | Self::Inside | Self::Connect | Self::ConnectTimeout | Self::TlsUntrusted | Self::Tls | Self::Unsent => {
                AttemptClass::NotSent
            }
            Self::Reset | Self::Protocol => AttemptClass::Ambiguous,
            Self::RequestBody => AttemptClass::ClientCancel,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.cause)
    }
}

impl std::error::Error for SendError {}

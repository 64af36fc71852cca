//! Why a request is not let through.

use std::time::Duration;

use super::view::Quotas;

/// A request that is not let through; nothing was taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// The time after which every limit over time would let it through, if nothing else were used or given back. `None` where only
    /// the end of other requests makes room, or nothing does.
    pub wait: Option<Duration>,
    /// What is left of the limits.
    pub quotas: Quotas,
}

/// Which limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Requests over time.
    Requests,
    /// Tokens over time.
    Tokens,
    /// Requests at once.
    Concurrency,
    /// The request alone is more than a limit ever lets through.
    TooLarge,
    /// Others wait, and there is no place left for it among them; or it would not have waited.
    QueueFull,
    /// Its time was up before its turn came, and it is not known that a limit over time stood in its way.
    QueueTimeout,
}

impl RefusalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
            Self::TooLarge => "too_large",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
        }
    }
}

//! How a request and an attempt ended: the closed sets that metrics, logs, retries and breakers share.

/// How an answer's body ended. Recorded exactly once per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The vendor finished the answer and all of it was handed to the client.
    Complete,
    /// The vendor's connection ended before its terminal marker or before the declared length.
    Truncated,
    /// The vendor or the sidecar reported an error, or a deadline passed.
    Failed,
    /// The client went away before the end.
    Cancelled,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What became of one attempt at one upstream. Retry, fallback, breaker, limiter and billing all read this one enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptClass {
    /// Content or a whole answer arrived.
    Success,
    /// The request never left: DNS, connect, TLS, or a stale pooled connection with no byte written.
    NotSent,
    /// The vendor was overloaded or rate limited (429, 503, 529) and did no work.
    Refused,
    /// No credit or quota with this credential (402, `insufficient_quota`).
    QuotaGone,
    /// The request may have been worked on (500, 502, 504, reset, first-token timeout, malformed answer).
    Ambiguous,
    /// The same request will fail again (400, 401, 403, 404, 413, 415, 422).
    Deterministic,
    /// The failure came after content had reached the client.
    Committed,
    /// The client went away.
    ClientCancel,
}

impl AttemptClass {
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::NotSent,
        Self::Refused,
        Self::QuotaGone,
        Self::Ambiguous,
        Self::Deterministic,
        Self::Committed,
        Self::ClientCancel,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::QuotaGone => "quota_gone",
            Self::Ambiguous => "ambiguous",
            Self::Deterministic => "deterministic",
            Self::Committed => "committed",
            Self::ClientCancel => "client_cancel",
        }
    }
}

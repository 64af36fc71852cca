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
///
/// Where the class alone does not decide, the methods take the `status` of the attempt: the vendor's own, or, where none came,
/// that of the error the client would be told (504 for a deadline that passed).
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

/// What a circuit breaker makes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerVerdict {
    Success,
    Failure,
    /// Says nothing of the upstream's health.
    Neutral,
    /// Alive, but it has had enough: neutral, except that a half-open breaker opens again.
    RateLimited,
}

/// What an adaptive concurrency limiter learns from an attempt, besides its first-token time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimiterSignal {
    /// The upstream could not take the request: the limit should fall.
    Dropped,
    None,
}

/// Whether the vendor charges for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Billed {
    No,
    /// The vendor may have worked on it and does not say: to be recorded as unknown.
    Maybe,
    /// What the vendor's usage says; estimated from what was delivered where it did not come.
    Usage,
}

impl AttemptClass {
    /// Whether the same request may go to the same target again.
    pub fn retry_same(self) -> bool {
        match self {
            Self::NotSent | Self::Refused => true,
            // What is ambiguous may have been worked on, and would be paid for twice.
            Self::Success | Self::QuotaGone | Self::Ambiguous | Self::Deterministic | Self::Committed | Self::ClientCancel => false,
        }
    }

    /// Whether the request may go to the next target.
    pub fn fall_back(self, status: u16) -> bool {
        match self {
            Self::NotSent | Self::Refused | Self::QuotaGone | Self::Ambiguous => true,
            // Another credential may be right where this one is not.
            Self::Deterministic => matches!(status, 401 | 403),
            Self::Success | Self::Committed | Self::ClientCancel => false,
        }
    }

    pub fn breaker(self, status: u16) -> BreakerVerdict {
        match self {
            Self::Success => BreakerVerdict::Success,
            Self::Refused if status == 429 => BreakerVerdict::RateLimited,
            Self::NotSent | Self::Refused | Self::Ambiguous | Self::Committed => BreakerVerdict::Failure,
            Self::QuotaGone | Self::Deterministic | Self::ClientCancel => BreakerVerdict::Neutral,
        }
    }

    pub fn limiter(self, status: u16) -> LimiterSignal {
        match self {
            Self::NotSent | Self::Refused => LimiterSignal::Dropped,
            // Of all that is ambiguous only a timeout speaks of load.
            Self::Ambiguous if matches!(status, 408 | 504) => LimiterSignal::Dropped,
            Self::Success | Self::QuotaGone | Self::Ambiguous | Self::Deterministic | Self::Committed | Self::ClientCancel => {
                LimiterSignal::None
            }
        }
    }

    pub fn billed(self) -> Billed {
        match self {
            Self::NotSent | Self::Refused | Self::QuotaGone | Self::Deterministic => Billed::No,
            Self::Ambiguous => Billed::Maybe,
            Self::Success | Self::Committed | Self::ClientCancel => Billed::Usage,
        }
    }
}

/// What a cache did for a request of a route that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheResult {
    /// A kept answer was given again.
    Hit,
    /// There was none; the upstream was asked.
    Miss,
    /// The answer is that of the same request at the same time.
    Shared,
    /// The request wanted no kept answer, or is of a kind whose answers are not kept.
    Bypass,
}

impl CacheResult {
    pub const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Shared, Self::Bypass];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Shared => "shared",
            Self::Bypass => "bypass",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table: class, status, retry the same target, fall back, breaker, limiter, billed.
    #[test]
    fn each_class_decides_as_the_table_says() {
        use {AttemptClass as Class, Billed as Bill, BreakerVerdict as Verdict, LimiterSignal as Signal};
        #[rustfmt::skip]
        let table = [
            (Class::Success,       200, false, false, Verdict::Success,     Signal::None,    Bill::Usage),
            (Class::NotSent,       502, true,  true,  Verdict::Failure,     Signal::Dropped, Bill::No),
            (Class::Refused,       503, true,  true,  Verdict::Failure,     Signal::Dropped, Bill::No),
            (Class::Refused,       529, true,  true,  Verdict::Failure,     Signal::Dropped, Bill::No),
            (Class::Refused,       498, true,  true,  Verdict::Failure,     Signal::Dropped, Bill::No),
            (Class::Refused,       429, true,  true,  Verdict::RateLimited, Signal::Dropped, Bill::No),
            (Class::QuotaGone,     429, false, true,  Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::QuotaGone,     402, false, true,  Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Ambiguous,     500, false, true,  Verdict::Failure,     Signal::None,    Bill::Maybe),
            (Class::Ambiguous,     502, false, true,  Verdict::Failure,     Signal::None,    Bill::Maybe),
            (Class::Ambiguous,     504, false, true,  Verdict::Failure,     Signal::Dropped, Bill::Maybe),
            (Class::Ambiguous,     408, false, true,  Verdict::Failure,     Signal::Dropped, Bill::Maybe),
            (Class::Deterministic, 400, false, false, Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Deterministic, 401, false, true,  Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Deterministic, 403, false, true,  Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Deterministic, 404, false, false, Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Deterministic, 413, false, false, Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Deterministic, 422, false, false, Verdict::Neutral,     Signal::None,    Bill::No),
            (Class::Committed,     502, false, false, Verdict::Failure,     Signal::None,    Bill::Usage),
            (Class::Committed,     504, false, false, Verdict::Failure,     Signal::None,    Bill::Usage),
            (Class::ClientCancel,  499, false, false, Verdict::Neutral,     Signal::None,    Bill::Usage),
        ];
        for (class, status, retry_same, fall_back, verdict, signal, billed) in table {
            let decided = (class.retry_same(), class.fall_back(status), class.breaker(status), class.limiter(status), class.billed());
            assert_eq!(decided, (retry_same, fall_back, verdict, signal, billed), "{class:?} {status}");
        }
        for class in Class::ALL {
            assert!(table.iter().any(|row| row.0 == class), "{class:?} has no row");
        }
    }
}

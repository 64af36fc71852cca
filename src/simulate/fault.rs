//! The ways an answer can go wrong on demand.

/// A fault of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed (FIN) in the middle of the body.
    Cut,
    /// The connection is reset (RST) in the middle of the body.
    Reset,
    /// The body falls silent and the connection stays open.
    Stall,
    /// An event that is not JSON in place of one of the answer's, then the rest.
    Garbage,
    /// The dialect's error inside an answer with status 200.
    ErrorEvent,
    /// The body ends cleanly without finish reason and terminal marker.
    NoFinish,
    /// An HTML page with status 200.
    Html,
    /// Half a JSON document, cleanly ended.
    TruncatedJson,
}

impl Fault {
    pub(super) const ALL: [(&'static str, Self); 8] = [
        ("cut", Self::Cut),
        ("reset", Self::Reset),
        ("stall", Self::Stall),
        ("garbage", Self::Garbage),
        ("error-event", Self::ErrorEvent),
        ("no-finish", Self::NoFinish),
        ("html", Self::Html),
        ("truncated-json", Self::TruncatedJson),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, fault)| *fault)
    }
}

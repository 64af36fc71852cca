//! What a scripted upstream saw.

use tokio::time::Instant;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub connection: usize,
    /// Empty on an HTTP/2 connection, whose compressed headers are not read; so are `path` and the headers.
    pub method: String,
    pub path: String,
    pub(super) headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The names of all headers, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What stands in the body's `user`, by which tests tell requests apart.
    pub fn user(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body["user"].as_str().or_else(|| body["metadata"]["user_id"].as_str()).map(str::to_owned)
    }
}

/// How the peer ended a connection, or a stream of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Fin,
    Rst,
    /// A `RST_STREAM`: the connection goes on.
    Stream,
}

/// The end of a connection, or of a stream, as the peer made it.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub connection: usize,
    pub how: How,
    pub at: Instant,
}

/// Everything an upstream saw.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub connections: usize,
    /// Connections that are open now.
    pub open: usize,
    pub requests: Vec<Seen>,
    /// Connections and streams that the peer closed, in that order.
    pub closed: Vec<Closed>,
    /// Bytes the sockets took.
    pub written: usize,
    /// Requests that were refused in a way that says that nothing was done for them (HTTP/2's REFUSED_STREAM and GOAWAY).
    /// Each by what it has as `user`.
    pub refused: Vec<String>,
    /// Requests that may have been on their way on connections that a script closed.
    pub hung_up: usize,
}

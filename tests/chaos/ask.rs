//! Clients' requests, each with an id, and what became of them.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::chat;
use crate::support::client::Client;
use crate::support::invariants::Told;
use crate::support::sidecar::Sidecar;

/// A chat request to be made.
#[derive(Clone, Debug)]
pub struct Ask {
    pub id: String,
    pub body: Value,
    pub deadline: Option<Duration>,
    pub says: Vec<String>,
}

impl Ask {
    /// For the model `vendor/m`.
    pub fn new(id: impl Into<String>, stream: bool) -> Self {
        let id = id.into();
        let mut body = chat::request(stream);
        body["user"] = id.clone().into();
        Self { id, body, deadline: None, says: Vec::new() }
    }

    pub fn max_tokens(mut self, most: u64) -> Self {
        self.body["max_tokens"] = most.into();
        self
    }

    pub fn model(mut self, model: &str) -> Self {
        self.body["model"] = model.into();
        self
    }

    /// The text of a whole answer; with several upstreams one of several.
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.says.push(text.into());
        self
    }

    /// In all, also for the client: it sends `x-request-timeout-ms`.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends the request.
    pub async fn send(&self, client: &mut Client) {
        let deadline = self.deadline.map(|deadline| deadline.as_millis().to_string());
        let headers: Vec<_> = deadline.iter().map(|deadline| ("x-request-timeout-ms", deadline.as_str())).collect();
        client.post_with("/v1/chat/completions", &headers, &self.body).await;
    }

    /// Sends the request on a connection of its own and reads its answer.
    pub async fn of(self, sidecar: &Sidecar) -> Told {
        let mut client = sidecar.connect().await;
        self.on(&mut client).await
    }

    /// The same on a connection that is there.
    pub async fn on(self, client: &mut Client) -> Told {
        let started = Instant::now();
        self.send(client).await;
        let answer = client.try_answer().await;
        Told { left: answer.is_none(), answer, took: started.elapsed(), ..self.left() }
    }

    /// A request whose client left without an answer.
    pub fn left(self) -> Told {
        Told { id: self.id, answer: None, left: true, took: Duration::ZERO, deadline: self.deadline, says: self.says }
    }
}

/// Does `count` things, `at_once` at a time.
pub async fn many<F: Future>(count: usize, at_once: usize, what: impl Fn(usize) -> F) -> Vec<F::Output> {
    futures_util::stream::iter((0..count).map(what)).buffer_unordered(at_once).collect().await
}

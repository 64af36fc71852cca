//! From a route to its answer, for a caller whose key is known.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use super::admit::{self, Load};
use super::call::Asked;
use super::ingress::{self, Read};
use super::meter::Meter;
use super::respond::Answer;
use super::route::{self, Address, Route};
use super::worker::Worker;
use super::{beside, cached, count_tokens, models, pass};
use crate::chat::{ApiError, DialectId};
use crate::dialect::embeddings::embeddings;
use crate::dialect::{View, dialect, side};
use crate::runtime::{ClientEntry, Snapshot};

/// Who asks, and by which configuration it is answered.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub worker: &'a Arc<Worker>,
    pub snapshot: &'a Arc<Snapshot>,
    pub client: Option<&'a ClientEntry>,
}

impl Caller<'_> {
    pub(super) async fn chat(
        self,
        id: DialectId,
        address: Address<'static>,
        request: Box<Request<Incoming>>,
        meter: &mut Meter,
    ) -> Result<Answer, ApiError> {
        let uri = request.uri().clone();
        let read = Read { dialect: id, asked: Asked::Chat, look: &|body| dialect(id).view(body), address };
        let call = ingress::read_call(self.worker, self.snapshot, self.client, request, read, meter).await?;
        meter.grant(admit::client(self.worker, self.client, call.load()).await?);
        cached::run(self.worker, self.snapshot, self.client, &uri, call, meter).await
    }

    /// Whatever is asked beside chat.
    pub(super) async fn other(self, route: Route<'static>, request: Box<Request<Incoming>>, meter: &mut Meter) -> Result<Answer, ApiError> {
        let Self { worker, snapshot, client } = self;
        match route {
            Route::Chat { dialect, address } => self.chat(dialect, address, request, meter).await,
            Route::Root => Ok(Answer::text("llm-sidecar\n")),
            Route::Models => models::list(worker, snapshot, client, route::list_dialect(&request)).await,
            Route::Model(id) => models::one(worker, snapshot, client, route::list_dialect(&request), &id).await,
            Route::Show => models::show(worker, snapshot, client, *request).await,
            // Nothing is in the sidecar's memory.
            Route::Running => Ok(Answer::json(r#"{"models":[]}"#, http::HeaderMap::new())),
            Route::Version => {
                let body = concat!(r#"{"version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
                Ok(Answer::json(body, http::HeaderMap::new()))
            }
            Route::CountTokens { dialect: id, address } => {
                let counter = dialect(id).count_tokens().ok_or_else(|| ApiError::internal("the dialect counts no tokens"))?;
                let read = Read { dialect: id, asked: Asked::Chat, look: &|body| counter.count_view(body), address };
                let call = ingress::read_call(worker, snapshot, client, request, read, meter).await?;
                meter.grant(admit::client(worker, client, Load::Prompt(0)).await?);
                count_tokens::run(worker, snapshot, call, counter, meter).await
            }
            Route::Embeddings { format, address } => {
                self.beside(Asked::Embeddings(format), &|body| embeddings(format).view(body), address, request, meter).await
            }
            Route::Rerank(format) => self.beside(Asked::Rerank(format), &side::view, Address::Body, request, meter).await,
            Route::Pass { path, deployment } => {
                let deployment = deployment.map(std::borrow::Cow::into_owned);
                pass::run(worker, snapshot, client, *request, &path, deployment, meter).await
            }
        }
    }

    /// Embeddings and rerank.
    async fn beside(
        self,
        asked: Asked,
        look: &(dyn Fn(&[u8]) -> Result<View, ApiError> + Sync),
        address: Address<'static>,
        request: Box<Request<Incoming>>,
        meter: &mut Meter,
    ) -> Result<Answer, ApiError> {
        let read = Read { dialect: route::dialect_of(request.uri().path()), asked, look, address };
        let call = ingress::read_call(self.worker, self.snapshot, self.client, request, read, meter).await?;
        meter.grant(admit::client(self.worker, self.client, call.load()).await?);
        beside::run(self.worker, self.snapshot, call, meter).await
    }
}

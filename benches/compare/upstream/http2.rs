//! HTTP/2, by hyper.

use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::wire::Piece;
use super::{Asked, Shared};
use crate::answers::headers;

type Body = Either<Full<Bytes>, StreamBody<LocalBoxStream<'static, anyhow::Result<Frame<Bytes>>>>>;

/// Runs hyper's tasks on this thread.
#[derive(Clone)]
struct Here;

impl<F: Future + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}

/// Answers the requests of one connection.
pub async fn serve(connection: impl AsyncRead + AsyncWrite + Unpin + 'static, shared: &Rc<Shared>) -> anyhow::Result<()> {
    let service = service_fn(|request| answer(request, Rc::clone(shared)));
    let serving = Builder::new(Here).max_concurrent_streams(250).serve_connection(TokioIo::new(connection), service);
    pin!(serving).await.map_err(Into::into)
}

async fn answer(request: Request<Incoming>, shared: Rc<Shared>) -> anyhow::Result<Response<Body>> {
    shared.counts.requests.add();
    let (head, body) = request.into_parts();
    let asked = Asked::new(head.uri.path().as_bytes(), &body.collect().await?.to_bytes());
    let (kind, body) = if asked.stream {
        let pieces = shared.answers.borrow_mut().streamed(&asked);
        ("text/event-stream; charset=utf-8", Either::Right(StreamBody::new(events(asked.pause, pieces))))
    } else {
        ("application/json", Either::Left(Full::new(shared.answers.borrow_mut().whole(asked.format))))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in headers(asked.format).lines().filter_map(|line| line.split_once(": ")) {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(response)
}

/// One frame an event.
fn events(pause: std::time::Duration, pieces: Rc<[Piece]>) -> LocalBoxStream<'static, anyhow::Result<Frame<Bytes>>> {
    let begin = (0, Instant::now());
    stream::unfold(begin, move |(index, mut due)| {
        let pieces = Rc::clone(&pieces);
        async move {
            let piece = pieces.get(index)?;
            if piece.is_content() {
                tokio::time::sleep_until(due).await;
                due += pause;
            }
            Some((piece.event().map(Frame::data), (index + 1, due)))
        }
    })
    .boxed_local()
}

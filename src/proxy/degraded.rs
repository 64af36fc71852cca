//! The last resort of a route when every target is down: another target, usually a cheaper or a local one, or a fixed answer.
//! The client can tell by a header, the operator by a metric.

use std::sync::Arc;

use bytes::BytesMut;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::admit;
use super::attempt::{Attempt, Budget};
use super::call::Asked;
use super::exchange::{Accepted, Terms, exchange};
use super::meter::Meter;
use super::respond::Answer;
use crate::base::id;
use crate::chat::{ApiError, Choice, Part, PartKind, Response, Usage, unfold};
use crate::dialect::dialect;
use crate::runtime::{Degraded, Target};

/// Serves instead of the targets, where the route says how; else `error` stands.
pub(super) async fn serve(terms: Terms<'_>, meter: &mut Meter, error: Box<ApiError>) -> Result<Box<Accepted>, Box<ApiError>> {
    // It stands in for a chat model.
    let chats = terms.call.asked == Asked::Chat;
    let Some(degraded) = terms.call.resolved.route().and_then(|route| route.degraded.as_ref()).filter(|_| chats) else { return Err(error) };
    let served = match degraded {
        Degraded::Answer(text) => Box::new(Accepted { answer: fixed(terms, text), attempt: None, usage: None, dropped: Vec::new() }),
        Degraded::Target(target) => by_target(terms, target, meter).await.ok_or(error)?,
    };
    meter.set_degraded();
    terms.worker.runtime.metrics.degraded(&terms.call.view.model);
    Ok(served)
}

async fn by_target(terms: Terms<'_>, target: &Arc<Target>, meter: &mut Meter) -> Option<Box<Accepted>> {
    let admitted = admit::upstream(terms.wish(), target, 0, true).await.ok()?;
    let begun = Instant::now();
    let mut attempt = Attempt::new(terms.worker, target, admitted, Budget::first(target, begun), begun);
    meter.attempt(&mut attempt);
    Box::pin(exchange(terms, attempt)).await.ok()
}

/// An answer that says `text`, in the client's dialect.
fn fixed(terms: Terms<'_>, text: &str) -> Answer {
    let call = terms.call;
    let client = dialect(call.dialect);
    let reply = call.reply(&call.view.model);
    let response = Response {
        id: Some(id::random("degraded-", 24)),
        model: Some(call.view.model.clone()),
        created: Some(reply.created),
        choices: vec![Choice { parts: vec![Part::from(PartKind::Text(text.to_owned()))], ..Choice::default() }],
        usage: Some(Usage::default()),
        service_tier: None,
    };
    if !call.view.stream {
        return Answer::json(client.write_response(response, &reply), HeaderMap::new());
    }
    let mut events = Vec::new();
    unfold(response, &mut events);
    let mut encoder = client.encoder(&reply);
    let mut stream = BytesMut::new();
    events.into_iter().for_each(|event| encoder.event(event, &mut stream));
    let mut answer = Answer::json(stream.freeze(), HeaderMap::new());
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(client.framing().content_type()));
    answer
}

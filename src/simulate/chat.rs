//! Chat in every dialect: the dialect's server half around the script.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::answer;
use super::body::{Frame, Frames, Role};
use super::directives::Directives;
use super::router::{Answer, Call};
use super::script::Script;
use crate::chat::{ApiError, Collector, DialectId, Event, Request};
use crate::dialect::{Reply, dialect};

/// Answers a chat request in the dialect it came in, streamed if it asks for that.
pub(super) fn answer(call: &Call, id: DialectId, directives: &mut Directives) -> Result<Answer, ApiError> {
    let request = read(call, id)?;
    let said = answer::said(&request, directives)?;
    let script = answer::plan(&request, &said, directives)?;
    let reply = Reply {
        requested_model: request.model.clone(),
        upstream_model: request.model.clone(),
        include_usage: request.include_usage,
        prompt_estimate: answer::prompt_tokens(&request),
        created: now(),
        request: call.body.clone(),
    };
    if request.stream {
        return Ok(Answer::Stream { content_type: dialect(id).framing().content_type(), frames: frames(script, id, &reply) });
    }
    let mut collector = Collector::default();
    for event in script {
        collector.push(event)?;
    }
    let bytes = dialect(id).write_response(collector.finish()?, &reply);
    Ok(Answer::Whole { content_type: "application/json", bytes: bytes.into() })
}

/// Answers a count of a request's tokens.
pub(super) fn count_tokens(call: &Call, id: DialectId, directives: &mut Directives) -> Result<Answer, ApiError> {
    let counter = dialect(id).count_tokens().ok_or_else(|| ApiError::internal("the dialect counts no tokens"))?;
    let request = counter.read_count_request(&call.body)?;
    answer::said(&request, directives)?;
    let bytes = counter.write_count(answer::prompt_tokens(&request)).into();
    Ok(Answer::Whole { content_type: "application/json", bytes })
}

/// Reads the request; the path's model stands for the one that the body leaves out.
fn read(call: &Call, id: DialectId) -> Result<Request, ApiError> {
    let mut body = std::borrow::Cow::Borrowed(&call.body[..]);
    if let Some(model) = &call.named.model {
        let parsed: Value = serde_json::from_slice(&call.body).map_err(|error| ApiError::invalid_json(error.to_string()))?;
        if let Value::Object(mut fields) = parsed {
            fields.entry("model").or_insert(json!(model));
            body = Value::Object(fields).to_string().into_bytes().into();
        }
    }
    let request = dialect(id).read_request(&body)?;
    Ok(match (&call.named.model, call.named.stream) {
        (Some(model), Some(stream)) => Request { model: model.clone(), stream, ..request },
        _ => request,
    })
}

/// The script in the dialect's framing, encoded as it is sent. Events that a dialect writes nothing for make no frame.
fn frames(script: Script, id: DialectId, reply: &Reply) -> Frames {
    let mut encoder = dialect(id).encoder(reply);
    let frames = script.filter_map(move |event| {
        let role = match &event {
            Event::Done => Role::Done,
            Event::Finish { .. } | Event::Usage(_) => Role::Finish,
            event if event.is_content() => Role::Content,
            _ => Role::Head,
        };
        let mut out = BytesMut::new();
        encoder.event(event, &mut out);
        let bytes: Bytes = out.freeze();
        (!bytes.is_empty()).then_some(Frame { bytes, role })
    });
    Box::new(frames)
}

/// Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

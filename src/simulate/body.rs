//! Answers on their way out: at the asked pace, with the asked fault.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body::Frame as BodyFrame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use super::directives::Directives;
use super::fault::Fault;
use super::manners;
use super::socket::Reset;
use crate::chat::{ApiError, DialectId};
use crate::dialect::dialect;

/// Any body the simulator answers with.
pub(super) type Body = UnsyncBoxBody<Bytes, Broken>;

/// Ends a body uncleanly, as a fault asked for.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
pub(super) struct Broken;

/// How long bytes already given to the connection have to leave before it is broken.
const FLUSH: Duration = Duration::from_millis(10);

/// A piece of a streamed answer.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) role: Role,
}

/// What a piece means to pace and faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Before the content.
    Head,
    Content,
    /// The finish reason or what follows it.
    Finish,
    /// The terminal marker.
    Done,
}

/// The pieces of a streamed answer, made as they are sent.
pub(super) type Frames = Box<dyn Iterator<Item = Frame> + Send>;

/// A whole answer.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A whole answer of which only the first half is sent before `fault` (cut, reset or stall) strikes.
pub(super) fn half(bytes: Bytes, fault: Fault, reset: Reset) -> Body {
    let first = Some(bytes.slice(..bytes.len() / 2));
    let rest = stream::unfold((first, reset), move |(mut first, reset)| async move {
        if let Some(bytes) = first.take() {
            return Some((Ok(BodyFrame::data(bytes)), (None, reset)));
        }
        let broken = break_off(fault, &reset).await;
        Some((Err(broken), (None, reset)))
    });
    StreamBody::new(rest).boxed_unsync()
}

/// A streamed answer in `id`'s framing.
pub(super) fn stream(frames: Frames, id: DialectId, directives: &Directives, reset: Reset) -> Body {
    let fault = directives.fault.map(|fault| Pending { fault, after: directives.fault_after });
    let sender = Sender {
        frames,
        id,
        first: directives.first_token,
        pause: directives.chunk_pause,
        fault,
        sent: 0,
        content: false,
        over: false,
        reset,
    };
    let frames = stream::unfold(sender, |mut sender| async move {
        let next = sender.next().await?;
        Some((next.map(BodyFrame::data), sender))
    });
    StreamBody::new(frames).boxed_unsync()
}

struct Sender {
    frames: Frames,
    id: DialectId,
    first: Duration,
    pause: Duration,
    fault: Option<Pending>,
    sent: usize,
    content: bool,
    over: bool,
    reset: Reset,
}

/// A fault that has not struck yet.
#[derive(Clone, Copy)]
struct Pending {
    fault: Fault,
    after: Option<usize>,
}

impl Pending {
    /// Whether the fault takes the place of a frame after `sent` others. It strikes before the terminal marker at the latest.
    fn is_due(self, sent: usize, role: Role) -> bool {
        let position = match (self.fault, self.after) {
            (Fault::NoFinish, None) => matches!(role, Role::Finish),
            (_, after) => sent >= after.unwrap_or(3),
        };
        position || role == Role::Done
    }
}

impl Sender {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if self.over {
            return None;
        }
        let frame = self.frames.next()?;
        if let Some(pending) = self.fault.filter(|pending| pending.is_due(self.sent, frame.role)) {
            self.fault = None;
            return self.strike(pending.fault, &frame).await;
        }
        if frame.role == Role::Content {
            let wait = if self.content { self.pause } else { self.first };
            self.content = true;
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
        self.sent += 1;
        Some(Ok(frame.bytes))
    }

    async fn strike(&mut self, fault: Fault, frame: &Frame) -> Option<Result<Bytes, Broken>> {
        self.over = fault != Fault::Garbage;
        match fault {
            Fault::Cut | Fault::Reset | Fault::Stall => Some(Err(break_off(fault, &self.reset).await)),
            Fault::Garbage => Some(Ok(Bytes::from_static(manners::of(self.id).garbage))),
            Fault::ErrorEvent => {
                let mut out = BytesMut::new();
                dialect(self.id).write_error_event(&in_band_error(), &mut out);
                Some(Ok(out.freeze()))
            }
            Fault::TruncatedJson => Some(Ok(frame.bytes.slice(..frame.bytes.len() / 2))),
            Fault::NoFinish | Fault::Html => None,
        }
    }
}

/// The error an answer with status 200 holds on demand.
pub(super) fn in_band_error() -> ApiError {
    super::router::error(529, None, "simulated error inside an answer")
}

async fn break_off(fault: Fault, reset: &Reset) -> Broken {
    if fault == Fault::Stall {
        return std::future::pending().await;
    }
    tokio::time::sleep(FLUSH).await;
    if fault == Fault::Reset {
        reset.arm();
    }
    Broken
}

//! An upstream's body under its deadlines, decompressed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::SizeHint;
use tokio::time::{Instant, Sleep, sleep_until};

use super::decompress::{self, Decompressor};
use crate::base::on_wake::OnWake;
use crate::chat::ApiError;
use crate::upstream::{Body, SendErrorKind};

/// The times a body has to keep.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Deadlines {
    /// The first content, or the whole of an answer that is no stream, has to be there by then.
    pub first: Option<Instant>,
    /// Between two bytes.
    pub idle: Duration,
    /// Between two pieces of content.
    pub content_idle: Duration,
    /// The end has to be there by then.
    pub total: Instant,
    /// Silence after which a heartbeat is due.
    pub heartbeat: Duration,
}

/// What comes of an upstream's body.
pub(in crate::proxy) enum Item {
    Data(Bytes),
    /// The body's clean end.
    End,
    /// Nothing has come for a while; tell the client that all is well.
    Quiet,
}

pub(in crate::proxy) struct Source {
    body: Body,
    decompressor: Option<Box<Decompressor>>,
    deadlines: Deadlines,
    /// There when nothing has come for the first time: most answers that are not streamed come with their heads.
    waiting: Option<Waiting>,
    over: bool,
}

/// Since when something is waited for.
struct Waiting {
    timer: Pin<Box<Sleep>>,
    /// For the timer: bytes come more often than it fires.
    on_time: OnWake,
    /// Bytes have come whose time was not taken: it is, at the latest, when there are no more.
    has_come: bool,
    last: Last,
}

/// When something came last, or was told the client.
struct Last {
    byte: Instant,
    content: Instant,
    beat: Instant,
}

impl Source {
    /// `coding` is the answer's `Content-Encoding`.
    pub(in crate::proxy) fn new(body: Body, coding: Option<&str>, max_size: usize, deadlines: Deadlines) -> Result<Self, ApiError> {
        let decompressor = match coding {
            None | Some("" | "identity") => None,
            Some(coding) => Some(Box::new(Decompressor::new(coding, max_size).ok_or_else(|| {
                ApiError::upstream("upstream_invalid_response", "the upstream's answer has a Content-Encoding that is not known")
            })?)),
        };
        Ok(Self { body, decompressor, deadlines, waiting: None, over: false })
    }

    /// Content came: the deadline for the first is kept, that for the next begins.
    pub(in crate::proxy) fn note_content(&mut self, now: Instant) {
        self.deadlines.first = None;
        if let Some(waiting) = &mut self.waiting {
            waiting.has_come = false;
            waiting.last.byte = now;
            waiting.last.content = now;
        }
    }

    /// The body has to end by `at`, because all of the answer is there.
    pub(in crate::proxy) fn end_by(&mut self, at: Instant) {
        self.deadlines.total = self.deadlines.total.min(at);
        if let Some(waiting) = &mut self.waiting {
            waiting.timer.as_mut().reset(at);
        }
    }

    pub(in crate::proxy) fn is_over(&self) -> bool {
        self.over
    }

    pub(in crate::proxy) fn size_hint(&self) -> SizeHint {
        if self.decompressor.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }

    pub(in crate::proxy) fn is_end_stream(&self) -> bool {
        self.decompressor.is_none() && self.body.is_end_stream()
    }

    pub(in crate::proxy) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, ApiError>> {
        loop {
            match self.body.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => {
                    if let Some(waiting) = &mut self.waiting {
                        waiting.has_come = true;
                    }
                    let data = match &mut self.decompressor {
                        None => data,
                        Some(decompressor) => decompressor.push(&data).map_err(compression_error)?,
                    };
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Item::Data(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.over = true;
                    tracing::debug!(%error, "an upstream's body broke off");
                    return Poll::Ready(Err(match error.kind {
                        SendErrorKind::Protocol => {
                            ApiError::upstream("upstream_invalid_response", "the upstream's answer breaks HTTP's framing")
                        }
                        _ => ApiError::upstream("upstream_reset", "the upstream closed the connection before the answer was complete"),
                    }));
                }
                Poll::Ready(None) => {
                    self.over = true;
                    if let Some(decompressor) = &mut self.decompressor {
                        decompressor.finish().map_err(compression_error)?;
                    }
                    return Poll::Ready(Ok(Item::End));
                }
                Poll::Pending => return self.poll_timer(cx),
            }
        }
    }

    /// The timer is moved only when it fires: bytes just leave their time.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, ApiError>> {
        let d = &self.deadlines;
        let waiting = self.waiting.get_or_insert_with(|| Waiting::new(d));
        if std::mem::take(&mut waiting.has_come) {
            waiting.last.byte = Instant::now();
        }
        while waiting.on_time.poll(cx, |cx| waiting.timer.as_mut().poll(cx)).is_ready() {
            let now = Instant::now();
            let passed = |at: Instant| at <= now;
            if passed(d.total) {
                return Poll::Ready(Err(ApiError::timeout("the answer took longer than the time allowed for it in all")));
            }
            if d.first.is_some_and(passed) {
                return Poll::Ready(Err(ApiError::timeout("nothing of the answer came within the time allowed for it")));
            }
            if passed(waiting.last.byte + d.idle) || passed(waiting.last.content + d.content_idle) {
                let message = "the upstream fell silent within its answer";
                return Poll::Ready(Err(ApiError { status: 504, ..ApiError::upstream("upstream_idle_timeout", message) }));
            }
            let quiet = d.first.is_none() && passed(waiting.last.byte.max(waiting.last.beat) + d.heartbeat);
            if quiet {
                waiting.last.beat = now;
            }
            let next = waiting.last.next_deadline(d);
            waiting.timer.as_mut().reset(next);
            if quiet {
                return Poll::Ready(Ok(Item::Quiet));
            }
        }
        Poll::Pending
    }
}

impl Waiting {
    fn new(d: &Deadlines) -> Self {
        let now = Instant::now();
        let last = Last { byte: now, content: now, beat: now };
        Self { timer: Box::pin(sleep_until(last.next_deadline(d))), on_time: OnWake::default(), has_come: false, last }
    }
}

impl Last {
    /// When there is something to look at next.
    fn next_deadline(&self, d: &Deadlines) -> Instant {
        let idle = (self.byte + d.idle).min(self.content + d.content_idle);
        let next = d.total.min(idle).min(self.byte.max(self.beat) + d.heartbeat);
        d.first.map_or(next, |first| first.min(next))
    }
}

fn compression_error(failure: decompress::Failure) -> ApiError {
    let message = match failure {
        decompress::Failure::TooLarge => "the upstream's answer is too large once it is decompressed",
        decompress::Failure::Unknown | decompress::Failure::Broken => "the upstream's compressed answer is broken",
    };
    ApiError::upstream("upstream_invalid_response", message)
}

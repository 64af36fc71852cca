//! Bytes passed on as they come: uploads' answers, audio, files, and endpoints the sidecar knows nothing of.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::SizeHint;

use super::Aborted;
use super::source::{Item, Source};
use crate::base::outcome::{AttemptClass, Outcome};
use crate::proxy::meter::Meter;

pub struct Raw {
    source: Source,
    meter: Box<Meter>,
}

impl Raw {
    pub(in crate::proxy) fn new(source: Source, mut meter: Box<Meter>) -> Self {
        if source.is_end_stream() {
            settle(&mut meter);
        }
        Self { source, meter }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            match ready!(self.source.poll_next(cx)) {
                Ok(Item::Data(data)) => {
                    self.meter.content(tokio::time::Instant::now(), data.len() as u64);
                    self.meter.sent(&data);
                    // The server asks no further once the declared length is there.
                    if self.source.is_end_stream() {
                        settle(&mut self.meter);
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(Item::Quiet) => {}
                Ok(Item::End) => {
                    settle(&mut self.meter);
                    return Poll::Ready(None);
                }
                Err(error) => {
                    self.meter.failed(&error, Outcome::Truncated);
                    let class = self.meter.class_of_failure(&error);
                    self.meter.attempt_ended(class);
                    return Poll::Ready(Some(Err(Aborted)));
                }
            }
        }
    }
}

fn settle(meter: &mut Meter) {
    if !meter.is_settled() {
        meter.complete();
        meter.attempt_ended(AttemptClass::Success);
    }
}

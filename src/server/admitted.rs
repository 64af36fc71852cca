//! An answer's body that holds its request's admission until it is over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::handover::Handover;
use super::overload::Admission;
use crate::proxy::{Aborted, Body};

pub(super) struct Admitted {
    /// `None` once it is handed over.
    body: Option<Body>,
    admission: Option<Admission>,
    /// By which it goes on when it has to be waited for.
    handover: Option<Arc<Handover>>,
}

impl Admitted {
    pub(super) fn new(body: Body, admission: Option<Admission>) -> Self {
        Self { body: Some(body), admission, handover: None }
    }

    /// Hands the rest of a stream over as soon as it has to be waited for.
    pub(super) fn hand_over_by(&mut self, handover: &Arc<Handover>) {
        self.handover = matches!(self.body, Some(Body::Events(_))).then(|| Arc::clone(handover));
    }
}

impl http_body::Body for Admitted {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Pending };
        let polled = Pin::new(body).poll_frame(cx);
        if polled.is_pending()
            && let Some(handover) = this.handover.take()
        {
            handover.give(Self { body: this.body.take(), admission: this.admission.take(), handover: None });
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

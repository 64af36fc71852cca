//! An answer's body that holds its request's admission until it is over.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::overload::Admission;
use crate::proxy::{Aborted, Body};

pub(super) struct Admitted {
    body: Body,
    _admission: Option<Admission>,
}

impl Admitted {
    pub(super) fn new(body: Body, admission: Option<Admission>) -> Self {
        Self { body, _admission: admission }
    }
}

impl http_body::Body for Admitted {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! An answer that is at hand: complete once its bytes are handed over. The server drops such a body without asking whether
//! more comes, so handing over is the end.

use bytes::Bytes;

use crate::proxy::meter::Meter;

pub struct Whole {
    bytes: Option<Bytes>,
    meter: Box<Meter>,
}

impl Whole {
    pub(in crate::proxy) fn new(bytes: Bytes, mut meter: Box<Meter>) -> Self {
        let bytes = Some(bytes).filter(|b| !b.is_empty());
        if bytes.is_none() && !meter.is_settled() {
            meter.complete();
        }
        Self { bytes, meter }
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        let bytes = self.bytes.take()?;
        self.meter.sent(&bytes);
        if !self.meter.is_settled() {
            self.meter.complete();
        }
        Some(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, Bytes::len)
    }
}

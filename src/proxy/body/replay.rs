//! A kept stream, told again: its pieces as they were first sent, as fast as the client takes them.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::Entry;
use crate::proxy::meter::Meter;

pub struct Replay {
    entry: Arc<Entry>,
    at: usize,
    meter: Box<Meter>,
}

impl Replay {
    pub(in crate::proxy) fn new(entry: Arc<Entry>, mut meter: Box<Meter>) -> Self {
        if entry.piece(0).is_none() {
            meter.complete();
        }
        Self { entry, at: 0, meter }
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        let piece = self.entry.piece(self.at)?;
        self.at += 1;
        self.meter.sent(&piece);
        if self.is_empty() {
            self.meter.complete();
        }
        Some(piece)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entry.piece(self.at).is_none()
    }
}

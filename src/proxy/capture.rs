//! Bodies for a trace that is to have them (`telemetry.content`): as the client sent and got them, up to a bound.

use bytes::Bytes;

use super::trace::Attributes;

/// Of each body.
const MOST: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Capture {
    request: Bytes,
    answer: Vec<u8>,
}

impl Capture {
    pub(super) fn request(&mut self, body: &Bytes) {
        self.request = body.slice(..body.len().min(MOST));
    }

    pub(super) fn answer(&mut self, bytes: &[u8]) {
        let room = MOST - self.answer.len();
        self.answer.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
    }

    pub(super) fn add_to(&self, attributes: &mut Attributes) {
        for (name, body) in [("llm.request.body", &*self.request), ("llm.response.body", &*self.answer)] {
            attributes.push((name, String::from_utf8_lossy(body).into_owned().into()));
        }
    }
}

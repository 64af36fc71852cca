//! Putting thoughts back where they were.

use std::sync::Arc;

use crate::chat::{Part, PartKind, Request};

/// A message, the place of a call in it, and what was thought before that call.
pub(super) type Found = (usize, usize, Arc<[PartKind]>);

/// The request with each thought before its call. Unsigned text of the same thinking makes room for it.
pub(super) fn put_back(request: &Request, found: &[Found]) -> Request {
    let mut request = request.clone();
    for (at, message) in request.messages.iter_mut().enumerate() {
        let mut here = found.iter().filter(|(message, ..)| *message == at).peekable();
        if here.peek().is_none() {
            continue;
        }
        let mut parts = Vec::with_capacity(message.parts.len() + 1);
        for (place, part) in std::mem::take(&mut message.parts).into_iter().enumerate() {
            if let Some((.., thoughts)) = here.next_if(|(_, call, _)| *call == place) {
                parts.extend(thoughts.iter().cloned().map(Part::from));
            }
            if !matches!(part.kind, PartKind::Thinking { .. }) {
                parts.push(part);
            }
        }
        message.parts = parts;
    }
    request
}

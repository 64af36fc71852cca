//! An answer as the hub's events, told lazily: a stream of a million deltas takes no more memory than one of ten.

use std::collections::VecDeque;

use super::text::Pieces;
use crate::chat::Event;

/// The events of one answer, in order.
#[derive(Debug, Default)]
pub(super) struct Script(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    One(Event),
    Text { choice: u32, pieces: Pieces },
}

impl Script {
    pub(super) fn push(&mut self, event: Event) {
        self.0.push_back(Item::One(event));
    }

    /// One text delta a piece.
    pub(super) fn push_text(&mut self, choice: u32, pieces: Pieces) {
        self.0.push_back(Item::Text { choice, pieces });
    }
}

impl Iterator for Script {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while let Some(item) = self.0.front_mut() {
            if let Item::Text { choice, pieces } = item
                && let Some(text) = pieces.next()
            {
                return Some(Event::Text { choice: *choice, text });
            }
            if let Some(Item::One(event)) = self.0.pop_front() {
                return Some(event);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_piece_by_piece_between_the_other_events() {
        let mut script = Script::default();
        script.push(Event::Ping);
        script.push_text(1, Pieces::words("a b"));
        script.push_text(2, Pieces::words(""));
        script.push(Event::Done);
        let text = |text: &str| Event::Text { choice: 1, text: text.into() };
        assert_eq!(script.collect::<Vec<_>>(), [Event::Ping, text("a "), text("b"), Event::Done]);
    }
}

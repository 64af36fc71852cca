//! An answer's events in the order in which content blocks follow one another. Vendors may tell two tool calls at once or say
//! something while a call's arguments still come; formats of blocks know one block at a time.

use crate::chat::Event;

/// How many bytes of later blocks wait for an open tool call before it is taken for finished.
const HELD_MAX: usize = 8 << 20;

/// Holds back what comes while a tool call is open.
#[derive(Default)]
pub(super) struct InTurn {
    /// The call whose arguments may still go on.
    open: Option<u32>,
    held: Vec<Event>,
    held_bytes: usize,
}

impl InTurn {
    /// Takes a piece of the answer; what is now in turn goes to `out`.
    pub(super) fn take(&mut self, event: Event, out: &mut Vec<Event>) {
        match (self.open, &event) {
            (Some(open), Event::ToolArguments { index, .. }) if *index == open => out.push(event),
            (Some(_), _) => {
                self.hold(event);
                if self.held_bytes > HELD_MAX {
                    self.flush(out);
                }
            }
            (None, Event::ToolStart { index, .. }) => {
                self.open = Some(*index);
                out.push(event);
            }
            (None, _) => out.push(event),
        }
    }

    /// The open call is complete: everything held is in turn.
    pub(super) fn flush(&mut self, out: &mut Vec<Event>) {
        self.open = None;
        self.held_bytes = 0;
        out.append(&mut self.held);
    }

    /// Puts an event aside; fragments go to the call they belong to, so that blocks come whole and in order.
    fn hold(&mut self, event: Event) {
        match &event {
            Event::ToolArguments { index, fragment, .. } => {
                self.held_bytes += fragment.len();
                let call = self.held.iter_mut().find_map(|held| match held {
                    Event::ToolArguments { index: at, fragment, .. } if at == index => Some(fragment),
                    _ => None,
                });
                if let Some(held) = call {
                    held.push_str(fragment);
                }
                return;
            }
            Event::ToolStart { choice, index, .. } => {
                let arguments = Event::ToolArguments { choice: *choice, index: *index, fragment: String::new() };
                self.held.extend([event, arguments]);
                return;
            }
            other => self.held_bytes += other.length(),
        }
        self.held.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_one_after_the_other() {
        let start = |index| Event::ToolStart { choice: 0, index, id: format!("c{index}"), name: "f".into() };
        let arguments = |index, fragment: &str| Event::ToolArguments { choice: 0, index, fragment: fragment.into() };
        let text = Event::Text { choice: 0, text: "after".into() };
        let (mut order, mut out) = (InTurn::default(), Vec::new());
        for event in [start(0), arguments(0, "{"), start(1), arguments(1, "{"), text.clone(), arguments(0, "}"), arguments(1, "}")] {
            order.take(event, &mut out);
        }
        assert_eq!(out, [start(0), arguments(0, "{"), arguments(0, "}")]);
        order.flush(&mut out);
        assert_eq!(out.get(3..).unwrap(), [start(1), arguments(1, "{}"), text]);
    }
}

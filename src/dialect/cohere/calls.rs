//! The tool calls of a stream to a client. Many clients take one call at a time, so while one is open the others wait, whole.

use bytes::BytesMut;

use super::client_event::{Arguments, Event, Message};
use super::write_messages::{Call, Function};

/// The calls that have not ended.
#[derive(Default)]
pub(super) struct Calls {
    open: Option<Open>,
    held: Vec<Held>,
}

struct Open {
    index: u32,
    has_arguments: bool,
}

struct Held {
    index: u32,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// A call begins.
    pub(super) fn start(&mut self, index: u32, id: String, name: String, out: &mut BytesMut) {
        if self.open.is_some() {
            self.held.push(Held { index, id, name, arguments: String::new() });
        } else {
            self.begin(index, &id, &name, out);
        }
    }

    /// A piece of a call's arguments.
    pub(super) fn arguments(&mut self, index: u32, fragment: &str, out: &mut BytesMut) {
        match (&mut self.open, self.held.iter_mut().find(|held| held.index == index)) {
            (Some(open), _) if open.index == index => {
                open.has_arguments = true;
                Event::says("tool-call-delta", index, Message::Arguments(Arguments::new(fragment))).write(out);
            }
            (_, Some(held)) => held.arguments.push_str(fragment),
            _ => {}
        }
    }

    /// No more of any call will come.
    pub(super) fn end(&mut self, out: &mut BytesMut) {
        self.close(out);
        for Held { index, id, name, arguments } in std::mem::take(&mut self.held) {
            self.begin(index, &id, &name, out);
            if !arguments.is_empty() {
                self.arguments(index, &arguments, out);
            }
            self.close(out);
        }
    }

    fn begin(&mut self, index: u32, id: &str, name: &str, out: &mut BytesMut) {
        let call = Call { id, r#type: "function", function: Function { name, arguments: "".into() } };
        Event::says("tool-call-start", index, Message::Call(call)).write(out);
        self.open = Some(Open { index, has_arguments: false });
    }

    /// Ends the open call. What the client collects of its arguments has to be JSON.
    fn close(&mut self, out: &mut BytesMut) {
        if let Some(Open { index, has_arguments }) = self.open.take() {
            if !has_arguments {
                Event::says("tool-call-delta", index, Message::Arguments(Arguments::new("{}"))).write(out);
            }
            Event::ends("tool-call-end", index).write(out);
        }
    }
}

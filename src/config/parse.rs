//! YAML text to a [`Node`]. The one place that knows which YAML library is used.
//!
//! The tree is built from the library's events rather than through serde, for the sake of the messages: keys keep their places, text
//! keeps its spelling, and every repeated key is reported, not only the first.

use std::collections::HashMap;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Span};

use super::node::{Entry, Node, Position, Scalar, Value};

/// The largest file, in bytes. 10,000 aliases take about one.
pub const MAX_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 64;
/// Nodes a file may have, aliases written out.
const MAX_NODES: usize = 500_000;
/// Nodes that aliases (`*name`) may add. A block of settings shared by a hundred providers stays far below.
const MAX_ALIASED: usize = 20_000;

/// What is wrong and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: Position,
    pub message: String,
    pub hint: Option<String>,
}

/// Parses the text of source number `file`. An empty text is an empty mapping. Repeated keys are added to `faults`, the first one counts.
///
/// # Errors
/// What is no YAML, or too large, too deep or too much repeated to be a configuration.
pub fn parse(text: &str, file: usize, faults: &mut Vec<Fault>) -> Result<Node, Fault> {
    let start = Position { file, line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
        return Err(Fault { at: start, message, hint: None });
    }
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        disallow_directives: true,
        emit_comments: false,
    };
    let mut builder = Builder {
        text,
        file,
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
        aliased: 0,
        faults,
    };
    builder.stream()
}

struct Builder<'t, 'f> {
    text: &'t str,
    file: usize,
    events: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    aliased: usize,
    faults: &'f mut Vec<Fault>,
}

impl<'t> Builder<'t, '_> {
    fn stream(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.fault(&span, "the file holds more than one YAML document (`---`)"));
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, &span, 0)?);
                }
                _ => return Err(self.fault(&span, "unexpected content")),
            }
        }
        let empty = Node { at: Position { file: self.file, line: 1, column: 1 }, value: Value::Map(Vec::new()) };
        Ok(root.filter(|node| !node.is_null()).unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.events.next_event() {
            Some(Ok(item)) => Ok(item),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Err(Fault {
                at: Position { file: self.file, line: 1, column: 1 },
                message: "unexpected end of the file".into(),
                hint: None,
            }),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, Fault> {
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            return Err(self.fault(span, &format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let at = self.position(span);
        let (anchor, value) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_tag(tag.as_deref(), span)?;
                let quoted = !matches!(style, ScalarStyle::Plain) || tag.is_some();
                (anchor, Value::Scalar(Scalar { text: text.into_owned(), quoted, resolved: false }))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.plain_tag(tag.as_deref(), span)?;
                (anchor, Value::List(self.list(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.plain_tag(tag.as_deref(), span)?;
                (anchor, Value::Map(self.map(depth)?))
            }
            _ => return Err(self.fault(span, "unexpected content")),
        };
        let node = Node { at, value };
        if anchor != 0 {
            // An anchor keeps a copy; nested anchors must not make many of a large value.
            self.count(node.size(), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Position> = HashMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, &span, depth + 1)?;
            let Value::Scalar(Scalar { text: name, quoted, .. }) = key.value else {
                return Err(self.fault(&span, "a key must be a plain word, not a list or a mapping"));
            };
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            if name == "<<" && !quoted {
                merged.extend(self.merge(value, &span)?);
            } else if let Some(first) = seen.get(&name) {
                let message = format!("the key `{name}` is there twice");
                self.faults.push(Fault { at: key.at, message, hint: Some(format!("the first one is in line {}", first.line)) });
            } else {
                seen.insert(name.clone(), key.at);
                entries.push(Entry { key: name, at: key.at, value });
            }
        }
        for entry in merged {
            if !seen.contains_key(&entry.key) {
                seen.insert(entry.key.clone(), entry.at);
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The entries `<<:` brings in; the mapping's own keys win over them.
    fn merge(&self, value: Node, span: &Span) -> Result<Vec<Entry>, Fault> {
        match value.value {
            Value::Map(entries) => Ok(entries),
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
                Ok(items.into_iter().flat_map(|item| if let Value::Map(entries) = item.value { entries } else { Vec::new() }).collect())
            }
            _ => Err(self.fault(span, "`<<` takes a mapping or a list of mappings")),
        }
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(self.fault(span, "an alias inside the value it stands for"));
        };
        let size = node.size();
        self.aliased += size;
        self.count(size, span)?;
        if self.aliased > MAX_ALIASED {
            return Err(self.fault(span, &format!("aliases add more than {MAX_ALIASED} values")));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(self.fault(span, "the file has too many values")) } else { Ok(()) }
    }

    /// A tag may only say what is plain anyway.
    fn plain_tag(&self, tag: Option<&granit_parser::Tag>, span: &Span) -> Result<(), Fault> {
        match tag {
            Some(tag) if !matches!(tag.core_suffix(), Some("str" | "map" | "seq")) => {
                Err(self.fault(span, "YAML tags (`!name`) are not supported"))
            }
            _ => Ok(()),
        }
    }

    fn position(&self, span: &Span) -> Position {
        Position { file: self.file, line: span.start.line(), column: span.start.col() + 1 }
    }

    fn fault(&self, span: &Span, message: &str) -> Fault {
        Fault { at: self.position(span), message: message.to_owned(), hint: None }
    }

    fn syntax(&self, error: &ScanError) -> Fault {
        let marker = error.marker();
        let at = Position { file: self.file, line: marker.line(), column: marker.col() + 1 };
        let line = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let hint = match error.kind() {
            granit_parser::ErrorKind::TabInBlockIndentation | granit_parser::ErrorKind::TabInIndentation => {
                Some("indent with spaces".to_owned())
            }
            _ if line.contains("${") && line.contains('{') => {
                Some("inside `{...}` or `[...]`, put `${...}` in quotes: \"${NAME}\"".to_owned())
            }
            _ => None,
        };
        Fault { at, message: format!("this is not YAML: {}", error.kind()), hint }
    }
}

//! A configuration file as a tree in which every value knows where it stands.

use std::fmt;

/// A place in one of the files that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// An index into the list of sources.
    pub file: usize,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// An error in this value has been reported; it counts as absent but not as missing.
    Broken,
}

/// Text as written. What it means is decided by whoever reads it, so `00123` stays a key and `2024-10-21` a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    pub text: String,
    /// In quotes or as a block: a string, whatever it looks like.
    pub quoted: bool,
    /// The text came from the environment or from another file.
    pub resolved: bool,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub at: Position,
    pub value: Node,
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// How many nodes this one is, itself included.
    pub fn size(&self) -> usize {
        1 + match &self.value {
            Value::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum::<usize>(),
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Scalar(_) | Value::Broken => 0,
        }
    }

    pub fn find(&self, path: &KeyPath<'_>) -> Option<&Node> {
        match *path {
            KeyPath::Root => Some(self),
            KeyPath::Key(parent, key) => Some(&self.find(parent)?.entry(key)?.value),
            KeyPath::Item(parent, index) => match &self.find(parent)?.value {
                Value::List(items) => items.get(index),
                _ => None,
            },
        }
    }

    /// Where the value at `path` stands; if it is not there or empty, the nearest key above it.
    pub fn position(&self, path: &KeyPath<'_>) -> Position {
        if let Some(node) = self.find(path).filter(|node| !node.is_null()) {
            return node.at;
        }
        self.key_position(path).unwrap_or(self.at)
    }

    /// Where the last key of `path` stands, or the nearest one above it.
    pub fn key_position(&self, path: &KeyPath<'_>) -> Option<Position> {
        match *path {
            KeyPath::Root => None,
            KeyPath::Key(parent, key) => {
                self.find(parent).and_then(|node| node.entry(key)).map(|entry| entry.at).or_else(|| self.key_position(parent))
            }
            KeyPath::Item(parent, _) => self.find(path).map(|node| node.at).or_else(|| self.key_position(parent)),
        }
    }

    /// The written form of the path to the node at `at`, and where to point: an empty value has no place but its key's.
    pub fn locate(&self, at: Position) -> Option<(String, Position)> {
        self.search(at, &KeyPath::Root)
    }

    fn search(&self, at: Position, path: &KeyPath<'_>) -> Option<(String, Position)> {
        if self.at == at {
            return Some((path.to_string(), at));
        }
        match &self.value {
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let (path, found) = entry.value.search(at, &path.key(&entry.key))?;
                Some((path, if entry.value.is_null() { entry.at } else { found }))
            }),
            Value::List(items) => items.iter().enumerate().find_map(|(index, item)| item.search(at, &path.item(index))),
            Value::Scalar(_) | Value::Broken => None,
        }
    }
}

impl Scalar {
    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// The keys and indices from the root to a value, as a chain of the callers' own variables.
#[derive(Clone, Copy, Debug)]
pub enum KeyPath<'a> {
    Root,
    Key(&'a KeyPath<'a>, &'a str),
    Item(&'a KeyPath<'a>, usize),
}

impl<'a> KeyPath<'a> {
    pub fn key(&'a self, key: &'a str) -> KeyPath<'a> {
        KeyPath::Key(self, key)
    }

    pub fn item(&'a self, index: usize) -> KeyPath<'a> {
        KeyPath::Item(self, index)
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

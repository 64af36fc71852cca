//! serde over a [`Node`]: the derived structs of `model` are filled from the tree.
//!
//! serde stops at the first error. Here a value that cannot be read is noted, left out and the whole read again, until nothing new is
//! found: all errors at once, with plain derived structs. Unknown keys never reach the structs at all.

mod value;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned};

use self::value::De;
use super::findings::Findings;
use super::node::{Node, Position};
use super::suggest::{nearest, one_of};

/// After so many values of the wrong kind the rest is not looked at.
const MOST_ERRORS: usize = 50;

/// Reads the whole tree; what cannot be read is reported and left at its default. `None` if there is too much of it.
pub fn read<T: DeserializeOwned>(root: &Node, findings: &mut Findings) -> Option<T> {
    let context = Context::default();
    for _ in 0..MOST_ERRORS {
        context.unknown.borrow_mut().clear();
        let result = T::deserialize(De { node: root, context: &context });
        match result {
            Ok(value) => {
                context.report_unknown(root, findings);
                return Some(value);
            }
            Err(error) => {
                let at = error.at.unwrap_or(root.at);
                let (path, shown) = root.locate(at).unwrap_or((String::new(), at));
                findings.error_at(Some(shown), path, error.message, None);
                if at == root.at || !context.skip.borrow_mut().insert(at) {
                    break;
                }
            }
        }
    }
    context.report_unknown(root, findings);
    None
}

/// A list, or one value where a list of one is meant.
#[derive(Debug, Deserialize)]
pub struct OneOrList<T>(pub Vec<T>);

impl<T> Default for OneOrList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Default)]
struct Context {
    /// Values that could not be read.
    skip: RefCell<HashSet<Position>>,
    unknown: RefCell<Vec<Unknown>>,
}

struct Unknown {
    at: Position,
    key: String,
    known: &'static [&'static str],
    /// Where the mapping stands.
    parent: Position,
}

impl Context {
    fn report_unknown(&self, root: &Node, findings: &mut Findings) {
        for unknown in self.unknown.borrow().iter() {
            let path = root.locate(unknown.parent).map(|(path, _)| path).unwrap_or_default();
            let (message, hint) = match nearest(&unknown.key, unknown.known.iter().copied()) {
                Some(near) => (format!("unknown key `{}`; did you mean `{near}`?", unknown.key), None),
                None => (format!("unknown key `{}`", unknown.key), Some(format!("known here: {}", one_of(unknown.known.iter().copied())))),
            };
            findings.error_at(Some(unknown.at), path, message, hint);
        }
    }
}

#[derive(Debug)]
struct Error {
    /// Where the value stands that could not be read.
    at: Option<Position>,
    message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { at: None, message: message.to_string() }
    }

    /// Says what was expected in the words of this file format rather than serde's.
    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match unexpected {
            de::Unexpected::Map | de::Unexpected::StructVariant => "a mapping",
            de::Unexpected::Seq => "a list",
            de::Unexpected::Unit | de::Unexpected::Option => "nothing",
            _ => "a single value",
        };
        Self::custom(format_args!("expected {expected}, found {found}"))
    }
}

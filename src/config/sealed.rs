//! Encrypted values: opens them in a tree, or lists them. Each is bound to its place in the configuration, written like
//! `providers/openai/api_key` or `clients/team-a/key`: an item of a list counts by its `name`, so that the order does not matter.

use std::path::PathBuf;

use super::findings::Findings;
use super::node::{Entry, KeyPath, Node, Position, Value};
use super::types::Secrets;
use crate::seal::{SealError, Sealer, is_sealed};

/// The section that says what values are opened with, and so cannot hold one.
pub const SECTION: &str = "secrets";
/// Keeps places in the configuration apart from other records of the same sealer.
const SCOPE: &str = "config:";

/// Makes a sealer of the keys. Says why it cannot.
pub type MakeSealer<'a> = &'a dyn Fn(&Secrets) -> Result<Sealer, String>;

/// The record that a value at this place of the configuration is sealed for.
pub fn record(place: &str) -> String {
    format!("{SCOPE}{place}")
}

/// An encrypted value of a configuration.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it stands.
    pub at: Position,
    pub place: String,
    /// As it is, sealed.
    pub text: String,
    /// It came from the environment or a file of its own.
    pub is_elsewhere: bool,
}

/// All encrypted values of a tree.
pub fn list(root: &mut Node) -> Vec<Found> {
    let mut found = Vec::new();
    visit(root, &KeyPath::Root, "", &mut |node, _, place| {
        if let Value::Scalar(scalar) = &node.value {
            found.push(Found { at: node.at, place: place.to_owned(), text: scalar.text.clone(), is_elsewhere: scalar.resolved });
        }
    });
    found
}

/// What opening needs and fills.
pub struct Opening<'a> {
    /// `None` if there is no such section.
    pub keys: Option<&'a Secrets>,
    pub has_section: bool,
    pub make: MakeSealer<'a>,
    pub findings: &'a mut Findings,
    /// Gets every value that must not be shown.
    pub secrets: &'a mut Vec<String>,
}

impl Opening<'_> {
    /// Puts what they stand for in place of encrypted values. What does not open is reported, and broken from then on.
    pub fn open(self, root: &mut Node) {
        let mut sealer: Option<Result<Sealer, ()>> = None;
        visit(root, &KeyPath::Root, "", &mut |node, path, place| {
            let Value::Scalar(scalar) = &mut node.value else { return };
            let mut fail = |message: String, hint: Option<String>| self.findings.error_at(Some(node.at), path.to_string(), message, hint);
            let opened = if place.starts_with(&format!("{SECTION}/")) {
                fail("what opens encrypted values cannot be encrypted itself".into(), Some("write `${ENV}` or `${file:/path}`".into()));
                None
            } else if let Some(keys) = self.keys {
                let sealer = sealer.get_or_insert_with(|| (self.make)(keys).map_err(|error| fail(error, None)));
                sealer.as_ref().ok().and_then(|sealer| match sealer.open(&record(place), &scalar.text) {
                    Ok(secret) => Some(secret),
                    Err(error) => {
                        fail(error.to_string(), hint(&error, place));
                        None
                    }
                })
            } else {
                // What is wrong with the section has been said.
                if !self.has_section {
                    let hint = "say what it was encrypted with, as in `secrets: {kek: {file: kek.key}}`".to_owned();
                    fail("the value is encrypted, and there is no key to open it with".into(), Some(hint));
                }
                None
            };
            match opened {
                Some(secret) => {
                    secret.expose().clone_into(&mut scalar.text);
                    (scalar.quoted, scalar.resolved) = (true, true);
                    self.secrets.push(scalar.text.clone());
                }
                None => node.value = Value::Broken,
            }
        });
    }
}

fn hint(error: &SealError, place: &str) -> Option<String> {
    match error {
        SealError::Refused | SealError::Malformed(_) => Some(format!("make it with `llm-sidecar secret encrypt --for {place}`")),
        SealError::UnknownKey { .. } => Some("name the key it was sealed with in `secrets.old`".to_owned()),
        SealError::Service(_) => None,
    }
}

/// Calls `found` with each encrypted value, its path, and its place.
fn visit(node: &mut Node, path: &KeyPath<'_>, place: &str, found: &mut dyn FnMut(&mut Node, &KeyPath<'_>, &str)) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
    match &mut node.value {
        Value::Scalar(scalar) if is_sealed(&scalar.text) => found(node, path, place),
        Value::Map(entries) => {
            for Entry { key, value, .. } in entries {
                visit(value, &path.key(key), &below(key), found);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let place = name_of(item).map_or_else(|| place.to_owned(), |name| below(&name));
                visit(item, &path.item(index), &place, found);
            }
        }
        Value::Scalar(_) | Value::Broken => {}
    }
}

fn name_of(item: &Node) -> Option<String> {
    match &item.find(&KeyPath::Root.key("name"))?.value {
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    }
}

/// What [`super::sealed_values`] finds.
#[derive(Debug)]
pub struct SealedValues {
    /// What the values are opened with; `None` if the configuration does not say.
    pub secrets: Option<Secrets>,
    /// Each with the file it stands in.
    pub values: Vec<(PathBuf, Found)>,
}

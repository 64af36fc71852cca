//! Models of a vendor that speak another dialect than its others.

use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde::Deserialize;

use super::layout::SEGMENT;
use crate::chat::DialectId;
use crate::dialect::quirks::fits;

/// Stands for the model's name in a path.
const MODEL: &str = "{model}";
/// What stays as it is in its name; the date of a version follows an `@`.
const NAME: &AsciiSet = &SEGMENT.remove(b'@');

/// A part of a catalogue row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The models' names; `*` stands for any text.
    pub names: Vec<String>,
    #[serde(deserialize_with = "super::catalogue::dialect_id")]
    pub dialect: DialectId,
    /// The paths of the endpoints: for a whole answer, for a stream, and for counting tokens.
    chat: String,
    stream: String,
    count: String,
}

impl Family {
    pub fn has(&self, model: &str) -> bool {
        fits(&self.names, &[], model)
    }

    pub fn chat_path(&self, model: &str, stream: bool) -> String {
        with_model(if stream { &self.stream } else { &self.chat }, model)
    }

    pub fn count_path(&self, model: &str) -> String {
        with_model(&self.count, model)
    }
}

fn with_model(path: &str, model: &str) -> String {
    path.replace(MODEL, &utf8_percent_encode(model, NAME).to_string())
}

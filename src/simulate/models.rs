//! The lists of models, in each dialect's shape.

use super::manners;
use super::router::Answer;
use crate::chat::DialectId;
use crate::dialect::dialect;

const OWNER: &str = "simulator";
const CREATED: u64 = 1_735_689_600;

/// The `configured` models, or the dialect's usual ones.
pub(super) fn list(configured: &[String], id: DialectId) -> Answer {
    let usual = manners::of(id).models;
    let names: Vec<&str> = if configured.is_empty() { usual.to_vec() } else { configured.iter().map(String::as_str).collect() };
    let models = names.iter().map(|name| dialect(id).write_model(name, OWNER, CREATED)).collect();
    Answer::json(&dialect(id).write_models(models))
}

/// Any model exists.
pub(super) fn one(name: &str, id: DialectId) -> Answer {
    Answer::json(&dialect(id).write_model(name, OWNER, CREATED))
}

//! YAML documents that are part of the program.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a document by way of a tree of JSON: serde compiles YAML's reader anew for every type that is read from it, and all those
/// copies were a megabyte of the program.
///
/// # Errors
/// What is no YAML or not of this type. The latter without a line: whoever may err is to have a reader of its own.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // `off` and `no` are words.
    let options = serde_yaml::options! { strict_booleans: true };
    let tree: Value = serde_yaml::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    serde_json::from_value(tree).map_err(|error| error.to_string())
}

//! Floor 2: the configuration, from a YAML file to a checked [`Config`]. `model` is the file as written, `load` reads files,
//! environment and secrets, `check` turns the one into the other and reports every error at once.

mod types;

pub use types::*;

//! Floor 2: the configuration, from a YAML file to a checked [`Config`].
//!
//! The way of a file: `parse` makes a tree of it in which every value knows its place (`node`), `interpolate` puts in what `${...}`
//! stands for, `load` merges the included files, `sealed` opens encrypted values, `de` fills the structs of `model` from the tree, `check` turns those into the types of
//! `types`. Everything that is wrong on the way is collected in `findings` and comes out as `diagnostic`s, masked by `mask`.

mod check;
mod de;
mod diagnostic;
mod duration;
mod effective;
mod env;
mod files;
mod findings;
mod hedge;
mod interpolate;
mod level;
mod load;
mod mask;
mod model;
mod node;
mod overrides;
mod parse;
mod rate;
mod schema;
mod sealed;
mod size;
mod source;
mod suggest;
mod text;
mod types;
mod url_policy;

#[cfg(test)]
mod tests;

pub use check::VendorFacts;
pub use diagnostic::{Diagnostic, LoadError, Severity, Snippet};
pub use effective::{Effective, MASKED, exchange_name};
pub use env::from_environment;
pub use files::hash_files;
pub use hedge::HedgeAfter;
pub use level::wrong_level;
pub use load::{STORE, boot, load, load_over, sealed_values};
pub use overrides::Overrides;
pub use rate::Rate;
pub use schema::SCHEMA;
pub use sealed::{Found, MakeSealer, SealedValues, record};
pub use source::Source;
pub use types::*;
pub use url_policy::{check_url, is_named};

//! Floor 4: vendors. A vendor is data: a dialect, a URL layout, a way to authenticate and quirks, one row of the catalogue.

pub mod catalogue;
mod layout;

pub use catalogue::{Vendor, facts, ids, vendor};
pub use layout::{Endpoint, Layout, path};

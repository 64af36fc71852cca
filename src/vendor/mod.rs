//! Floor 4: vendors. A vendor is data: a dialect, a URL layout, a way to authenticate and quirks, one row of the catalogue.

pub mod auth;
pub mod catalogue;
mod family;
mod layout;

pub use catalogue::{Vendor, facts, ids, vendor};
pub use family::Family;
pub use layout::{Endpoint, Layout, Place, path};

//! Floor 4: vendors. A vendor is data: a dialect, a URL layout, a way to authenticate and quirks, one row of the catalogue.

pub mod auth;
pub mod catalogue;
mod family;
mod layout;
pub mod table;

pub use catalogue::{Vendor, facts, rows, vendor};
pub use family::Family;
pub use layout::{Endpoint, Layout, Place, SEGMENT, path};

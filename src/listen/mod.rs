//! Floor 5: listening sockets: opening them, and accepting from them while descriptors last.

mod bind;
mod spare;

pub use bind::bind;
pub use spare::Spare;

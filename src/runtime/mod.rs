//! Floor 6: what serves requests right now, and how it comes to be replaced while it runs.

pub mod watch;

//! Floor 8: the data listener. Each worker thread accepts, serves and drains connections of its own; nothing crosses threads
//! on the way of a request.

mod admitted;
mod capacity;
mod chunk;
mod connection;
mod handover;
mod http1;
mod io;
mod memory;
mod overload;
mod places;
mod preface;
mod streaming;
mod tls;
mod worker;

pub use capacity::Capacity;
pub use tls::{acceptor, admin_acceptor};
pub use worker::{Phase, run};

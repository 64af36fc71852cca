//! Floor 8: the data listener. Each worker thread accepts, serves and drains connections of its own; nothing crosses threads
//! on the way of a request.

mod connection;
mod io;
mod listen;
mod preface;
mod tls;
mod worker;

pub use listen::bind;
pub use tls::acceptor;
pub use worker::{Phase, run};

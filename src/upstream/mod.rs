//! Floor 5: sending a request to an upstream. Connections are pooled per worker thread; an HTTP/1 connection is driven by
//! whoever polls the request's answer or its body, so a request needs no task of its own and ends with its owner. hyper drives it
//! (`http1`) but for streams, whose bodies are read from the socket once their heads are parsed (`hold`, `parted`). Small writes, to
//! clients as to upstreams, go out together (`turn`).

mod body;
mod chunked;
mod connect;
mod driver;
mod error;
mod fetch;
mod gate;
mod head_end;
mod hold;
mod http1;
mod http2;
mod io;
mod lookup;
mod origin;
mod parted;
mod pool;
mod stream;
mod tls;
mod turn;
mod unary;

pub use body::{Body, RequestBody};
pub use error::{SendError, SendErrorKind};
pub use fetch::{Connections, Unasked, fetch};
pub use http1::Expect;
pub use origin::{Origin, OriginKey, Origins, Reach};
pub use pool::Pool;
pub use turn::{Turn, TurnStream};
pub use unary::unary;

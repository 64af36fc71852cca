//! Floor 1: traces as data. Where a request belongs (W3C Trace Context), what it and its attempts took (spans), and the queue in
//! which these wait to be exported. Nothing here knows of the network or of a request.

mod clock;
mod context;
mod queue;
mod sample;
mod span;

pub use clock::Clock;
pub use context::{Context, hex};
pub use queue::{BATCH, Record, Records};
pub use sample::is_sampled;
pub use span::{Event, Kind, Span, UsageRecord, Value};

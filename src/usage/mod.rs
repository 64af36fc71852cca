//! Floor 3: what requests used and cost. One [`Record`] is made of each request, and goes to every [`Sink`] of the [`Ledger`].

mod attributes;
mod charge;
mod file;
mod ledger;
mod line;
mod record;
mod summary;

pub use charge::{Charge, Source, Unknown, counts};
pub use file::FileSink;
pub use ledger::{Ledger, Sink, Taken};
pub use record::{Money, OtherAttempt, Record, Tokens};
pub use summary::{Summary, upstream_members};

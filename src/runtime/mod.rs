//! Floor 6: the running configuration. A [`Snapshot`] is built whole from a checked `Config` and swapped in by one pointer;
//! a request lives and dies with the snapshot it began with.

mod clients;
mod learnt;
mod provider;
mod reload;
mod snapshot;
pub mod watch;

pub use clients::ClientEntry;
pub use learnt::Learnt;
pub use provider::{Credential, Provider, auth_header};
pub use reload::{Load, LoadFailure, ReloadStatus, Runtime};
pub use snapshot::{ProviderEntry, Resolved, Snapshot, Target};

//! Floor 6: the running configuration. A [`Snapshot`] is built whole from a checked `Config` and swapped in by one pointer;
//! a request lives and dies with the snapshot it began with.

mod budgets;
mod clients;
mod credential;
mod gauges;
mod learnt;
mod live;
mod model_page;
mod provider;
mod reload;
mod roll_back;
mod rollout;
mod route;
mod settings;
mod snapshot;
mod spending;
mod tally;
mod target;
mod tokens;
pub mod watch;

pub use budgets::{BudgetEntry, Budgets, Reserved, Spender};
pub use clients::ClientEntry;
pub use credential::{Credential, CredentialKind, auth_header};
pub use learnt::Learnt;
pub use live::{Circuit, InFlight, Measures, NotBefore};
pub use provider::Provider;
pub use reload::{ChangeError, Load, LoadFailure, ReloadStatus, Runtime, Stored, unix_now};
pub use roll_back::RolledBack;
pub use rollout::{Counts, Judge, Worse};
pub use route::{Candidate, CauseSet, Degraded, Hedge, Mirror, Route, fnv};
pub use snapshot::{ProviderEntry, Resolved, Snapshot};
pub use spending::{Keeper, SpentFile};
pub use tally::Tally;
pub use target::Target;
pub use tokens::Tokens;

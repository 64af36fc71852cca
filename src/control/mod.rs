//! Floor 7: changing the running configuration from outside: what is in the store and what the files say become one snapshot, by
//! the same check and the same swap.
//!
//! A change is planned on the store's records, tried out with the files, written together with its audit entry if the store is
//! still at the revision it was planned on, and only then takes effect.

mod change;
mod document;
mod key;
mod rollout;
mod secrets;

pub use change::{Author, Control, Done, Plan, Refusal, State};
pub use document::{document, is_active};
pub use key::NewKey;
pub use rollout::watch_rollouts;
pub use secrets::{SealProblem, keep_secrets, mask, seal_anew};

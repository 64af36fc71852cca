//! Puts the sidecar into Kubernetes pods: one pure function behind the command line (`llm-sidecar inject`) and the admission
//! webhook. It decides part by part (the sidecar, its volumes, each container's environment), so that a pod that has some of
//! them, because another webhook added a container after ours ran, gets the rest.

mod annotations;
mod container;
mod documents;
mod environment;
mod manifest;
mod patch;
mod pod;
mod remove;
mod review;
mod settings;
#[cfg(test)]
mod tests;

pub use documents::{Action, Fate, Format, Report, run};
pub use manifest::{Kind, templates};
pub use patch::Patch;
pub use pod::{Cluster, Done, Refusal, inject};
pub use remove::remove;
pub use review::{Reviewed, review};
pub use settings::{EnvironmentMode, Native, Probes, Settings};

/// What labels and annotations of this project begin with.
pub const PREFIX: &str = "llm-sidecar.dev/";
/// The sidecar's container, and what its volumes' names begin with.
pub const NAME: &str = "llm-sidecar";
/// A label (or annotation) of a pod: whether it wants the sidecar.
pub const INJECT: &str = "llm-sidecar.dev/inject";
/// The label of a pod that has the sidecar.
const INJECTED: &str = "llm-sidecar.dev/injected";
/// The annotation that says what was added, so that it can be taken out again.
const STATUS: &str = "llm-sidecar.dev/status";

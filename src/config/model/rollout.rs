//! Going back to the configuration before, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration::Time;
use crate::config::size::Ratio;

/// When a configuration that was taken over is taken back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// How long a new configuration is watched, and from how long before it the old one's errors are counted. Default: 2m.
    pub window: Option<Time>,
    /// So much more of the requests may fail than before. Default: 10%.
    pub error_rate: Option<Ratio>,
    /// Fewer requests, before or after, say nothing. Default: 20.
    pub min_requests: Option<u32>,
}

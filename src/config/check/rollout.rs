//! When a configuration that was taken over is taken back.

use std::time::Duration;

use super::Check;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::Rollout;

const WINDOW: Duration = Duration::from_secs(120);
const ERROR_RATE: f64 = 0.1;
const MIN_REQUESTS: u32 = 20;

impl Check<'_> {
    pub(super) fn rollout(&mut self, raw: &model::Rollout) -> Rollout {
        let root = KeyPath::Root;
        let path = root.key("rollout");
        let min_requests = raw.min_requests.unwrap_or(MIN_REQUESTS);
        if min_requests == 0 {
            self.report.error(&path.key("min_requests"), "must be more than 0", None);
        }
        Rollout {
            window: self.positive(&path.key("window"), raw.window, WINDOW),
            error_rate: raw.error_rate.map_or(ERROR_RATE, |part| part.0),
            min_requests: u64::from(min_requests),
        }
    }
}

//! Limits and breakers.

use std::time::Duration;

use super::Check;
use crate::config::model;
use crate::config::node::{KeyPath, Value};
use crate::config::types::{Adaptation, Algorithm, Breaker, Concurrency, Limit, Queue, RateLimit};

const DEFAULT_QUEUE_SIZE: u32 = 100;
const DEFAULT_QUEUE_WAIT: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl Check<'_> {
    pub(super) fn limit(&mut self, raw: &model::Limit, path: &KeyPath<'_>) -> Limit {
        let concurrency = raw.concurrency.as_ref().and_then(|concurrency| self.concurrency(concurrency, &path.key("concurrency")));
        Limit {
            requests: self.rate_limits(&raw.requests.0, &path.key("requests")),
            tokens: self.rate_limits(&raw.tokens.0, &path.key("tokens")),
            concurrency,
            queue: raw.queue.as_ref().map(|queue| self.queue(queue, concurrency, &path.key("queue"))),
        }
    }

    /// One limit stands at `path` itself, several are a list there.
    fn rate_limits(&mut self, raw: &[model::RateLimit], path: &KeyPath<'_>) -> Vec<RateLimit> {
        let listed = matches!(self.report.root.find(path).map(|node| &node.value), Some(Value::List(_)));
        let mut limits = Vec::with_capacity(raw.len());
        for (index, rate) in raw.iter().enumerate() {
            limits.extend(if listed { self.rate_limit(rate, &path.item(index)) } else { self.rate_limit(rate, path) });
        }
        limits
    }

    fn rate_limit(&mut self, raw: &model::RateLimit, path: &KeyPath<'_>) -> Option<RateLimit> {
        if raw.burst == Some(0) {
            self.report.error(&path.key("burst"), "a burst of 0 would let nothing through", None);
        }
        let daily = raw.rate.is_some_and(|rate| rate.per >= DAY);
        let algorithm = match raw.algorithm {
            None if daily && raw.burst.is_none() => Algorithm::FixedWindow,
            None | Some(model::Algorithm::TokenBucket) => Algorithm::TokenBucket,
            Some(model::Algorithm::SlidingWindow) => Algorithm::SlidingWindow,
            Some(model::Algorithm::FixedWindow) => Algorithm::FixedWindow,
        };
        if algorithm != Algorithm::TokenBucket && raw.burst.is_some() {
            self.report.error(
                &path.key("burst"),
                "only `token_bucket` has a burst",
                "leave it out, or use `algorithm: token_bucket`".to_owned(),
            );
        }
        match raw.rate {
            Some(rate) => Some(RateLimit { algorithm, rate, burst: raw.burst }),
            None => {
                self.report.missing(path, "rate", "write it like `10/s` or `600/min`".to_owned());
                None
            }
        }
    }

    fn concurrency(&mut self, raw: &model::Concurrency, path: &KeyPath<'_>) -> Option<Concurrency> {
        match raw.max {
            None => self.report.missing(path, "max", None),
            Some(0) => self.report.error(&path.key("max"), "a maximum of 0 would let nothing through", None),
            Some(_) => {}
        }
        let adaptation = match raw.adaptation {
            model::Adaptation::Aimd => Adaptation::Aimd,
            model::Adaptation::Gradient => Adaptation::Gradient,
        };
        if !raw.adaptive && self.report.has(&path.key("adaptation")) {
            self.report.warning(&path.key("adaptation"), "means nothing without `adaptive: true`", None);
        }
        raw.max.map(|max| Concurrency { max, adaptive: raw.adaptive.then_some(adaptation) })
    }

    fn queue(&mut self, raw: &model::Queue, concurrency: Option<Concurrency>, path: &KeyPath<'_>) -> Queue {
        if raw.size == Some(0) {
            self.report.error(&path.key("size"), "a queue without places holds nobody", "leave the queue out".to_owned());
        }
        let size = raw.size.or(concurrency.map(|concurrency| concurrency.max)).unwrap_or(DEFAULT_QUEUE_SIZE);
        Queue { size, max_wait: self.positive(&path.key("max_wait"), raw.max_wait, DEFAULT_QUEUE_WAIT) }
    }

    pub(super) fn breaker(&mut self, raw: &model::Breaker, path: &KeyPath<'_>) -> Breaker {
        let default = Breaker::default();
        for (key, value) in [("consecutive_failures", raw.consecutive_failures), ("min_requests", raw.min_requests)] {
            if value == Some(0) {
                self.report.error(&path.key(key), "must be at least 1", None);
            }
        }
        if raw.failure_ratio.is_some_and(|ratio| ratio.0 <= 0.0) {
            self.report.error(&path.key("failure_ratio"), "must be more than 0", None);
        }
        if raw.open.is_some_and(|open| open.min.is_zero()) {
            self.report.error(&path.key("open"), "must not begin at 0", None);
        }
        if raw.enabled == Some(false) && (raw.consecutive_failures.is_some() || raw.failure_ratio.is_some() || raw.open.is_some()) {
            self.report.warning(path, "the breaker is off, its other settings mean nothing", None);
        }
        Breaker {
            enabled: raw.enabled.unwrap_or(default.enabled),
            consecutive_failures: raw.consecutive_failures.unwrap_or(default.consecutive_failures),
            failure_ratio: raw.failure_ratio.map_or(default.failure_ratio, |ratio| ratio.0),
            min_requests: raw.min_requests.unwrap_or(default.min_requests),
            window: self.positive(&path.key("window"), raw.window, default.window),
            open_min: raw.open.map_or(default.open_min, |open| open.min),
            open_max: raw.open.map_or(default.open_max, |open| open.max),
            min_tokens_per_second: raw.min_tokens_per_second.unwrap_or(default.min_tokens_per_second),
        }
    }
}

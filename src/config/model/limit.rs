//! What holds an upstream back or asks it again: retries, limits and the breaker, as they are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::config::de::OneOrList;
use crate::config::duration::{Time, TimeRange};
use crate::config::rate::Rate;
use crate::config::size::{Ratio, Size};

/// Repeating of failed attempts. Nothing is repeated once a client has seen content.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in total, the first one included, over all targets: 1 to 10. Default: 3.
    pub attempts: Option<u32>,
    /// The shortest and the longest wait between two attempts. Default: 100ms..2s.
    pub backoff: Option<TimeRange>,
    /// The most retries, as a part of the requests under way and of those of the last 10 s (a few are always allowed). Default: 20%.
    pub budget: Option<Ratio>,
    /// How often one target is asked again after a failure that it may have worked on (500, 502, 504, a reset, silence): 0 to 9. Default: 0.
    pub ambiguous: Option<u32>,
    /// A larger request body is not kept for another attempt. Default: 8MiB.
    pub replay_max: Option<Size>,
}

/// Limits. Those left out do not limit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// Requests over time: one limit or a list of them, all of which hold.
    pub requests: OneOrList<RateLimit>,
    /// Tokens over time, prompt and answer: one limit or a list of them.
    pub tokens: OneOrList<RateLimit>,
    /// Requests at once.
    pub concurrency: Option<Concurrency>,
    /// Requests that wait for room instead of being refused.
    pub queue: Option<Queue>,
}

/// A limit over time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// How much in how long: 10/s, 600/min, 5000/h, 10000/d.
    pub rate: Option<Rate>,
    /// How it is counted. Default: token_bucket; for a rate per day fixed_window.
    pub algorithm: Option<Algorithm>,
    /// How much may be taken at once (token_bucket). Default: what the rate gives in its unit of time.
    pub burst: Option<u64>,
}

/// token_bucket refills steadily and allows bursts; sliding_window lets no more than the rate through in any window of its unit; fixed_window counts anew with each second, minute, hour or day of the clock (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    TokenBucket,
    SlidingWindow,
    FixedWindow,
}

/// A limit of requests at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Concurrency {
    /// The most requests under way.
    pub max: Option<u32>,
    /// Go below `max` while the vendor answers slowly or with errors. Default: false.
    pub adaptive: bool,
    /// How an adaptive limit moves. Default: aimd.
    pub adaptation: Adaptation,
}

/// aimd grows by one and shrinks by a tenth; gradient follows the ratio of the usual to the present time to the first token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adaptation {
    #[default]
    Aimd,
    Gradient,
}

/// Waiting for room. Clients take turns; one of them holds at most half of the places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// The most requests that wait. Default: `concurrency.max`, else 100.
    pub size: Option<u32>,
    /// The longest wait. Default: 1s.
    pub max_wait: Option<Time>,
}

/// Leaving a broken upstream alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// false: never open. Default: true.
    pub enabled: Option<bool>,
    /// Failures in a row that open it. Default: 5.
    pub consecutive_failures: Option<u32>,
    /// The part of failures in `window` that opens it. Default: 50%.
    pub failure_ratio: Option<Ratio>,
    /// Requests in `window` before `failure_ratio` counts. Default: 20.
    pub min_requests: Option<u32>,
    /// How far back it looks. Default: 30s.
    pub window: Option<Time>,
    /// How long it stays open: the first time, and at most. Default: 5s..60s.
    pub open: Option<TimeRange>,
    /// A stream that was slower than so many tokens a second counts as a failure. Default: 0, which counts none.
    pub min_tokens_per_second: Option<u32>,
}

impl<T: JsonSchema> JsonSchema for OneOrList<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrListOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({"anyOf": [item, {"type": "array", "items": item}]})
    }
}

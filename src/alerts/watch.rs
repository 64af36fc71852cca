//! From the metrics to what is wrong. Nothing here reads a clock.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::history::{History, Series};
use super::page::{Sample, samples};
use super::rules::{self, Finding, Rule};
use crate::config::AlertThresholds;

const REQUESTS: &str = "llm_requests_total";
const DURATION: &str = "llm_request_duration_seconds_bucket";
const CALLS: &str = "llm_call_cost_count";
const CALL_BUCKET: &str = "llm_call_cost_bucket";
const COMPARED: &str = "llm_tokens_compared_total";
const BREAKER: &str = "llm_circuit_breaker_state";
const IN_SYNC: &str = "llm_config_in_sync";
const LIMIT: &str = "llm_concurrency_limit";
const IN_FLIGHT: &str = "llm_concurrency_in_flight";
const BUDGET: &str = "llm_budget_used_ratio";

const MINUTE: Duration = Duration::from_secs(60);
/// Fewer requests say nothing of a rate.
const FEWEST: f64 = 10.0;
/// How far counts may be apart, beside the vendor's.
const DRIFT: f64 = 0.5;

/// Fires when a counter has grown by so much in a window.
struct Counted {
    rule: &'static Rule,
    family: &'static str,
    counts: fn(&Sample<'_>) -> bool,
    window: Duration,
    at_least: f64,
}

const fn counted(rule: &'static Rule, family: &'static str, minutes: u32, at_least: f64) -> Counted {
    Counted { rule, family, counts: |_| true, window: MINUTE.saturating_mul(minutes), at_least }
}

static COUNTED: [Counted; 7] = [
    Counted {
        counts: |sample| sample.label("to") == "open",
        ..counted(&rules::BREAKER_FLAPPING, "llm_circuit_breaker_transitions_total", 15, 4.0)
    },
    // More than one in ten seconds.
    counted(&rules::RATE_LIMITED, "llm_rate_limit_hits_total", 5, 31.0),
    counted(&rules::SHED, "llm_shed_total", 5, 1.0),
    counted(&rules::PANICS, "llm_panics_total", 15, 1.0),
    Counted { counts: |sample| sample.label("result") != "sent", ..counted(&rules::TELEMETRY_LOST, "llm_telemetry_records_total", 5, 1.0) },
    counted(&rules::BUDGET_EXCEEDED, "llm_budget_exceeded_total", 10, 1.0),
    counted(&rules::RECORDS_DROPPED, "llm_usage_records_lost_total", 10, 1.0),
];

/// Remembers enough of the past to tell growth.
pub(super) struct Watch {
    counted: Vec<History>,
    requests: History,
    durations: History,
    calls: History,
    compared: History,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            counted: COUNTED.iter().map(|counted| History::new(counted.window)).collect(),
            requests: History::new(5 * MINUTE),
            durations: History::new(5 * MINUTE),
            calls: History::new(10 * MINUTE),
            compared: History::new(60 * MINUTE),
        }
    }
}

impl Watch {
    /// Everything that is wrong by this page of metrics and those before.
    pub(super) fn look(&mut self, page: &str, thresholds: &AlertThresholds, now: Instant) -> Vec<Finding> {
        let own = [REQUESTS, DURATION, CALLS, CALL_BUCKET, COMPARED, BREAKER, IN_SYNC, LIMIT, IN_FLIGHT, BUDGET];
        let wanted: Vec<&str> = COUNTED.iter().map(|counted| counted.family).chain(own).collect();
        let samples = samples(page, &wanted);
        let mut found = gauges(&samples, thresholds);
        for (counted, history) in COUNTED.iter().zip(&mut self.counted) {
            let values = sum(&samples, counted.family, counted.rule.labels, counted.counts);
            let grown = history.growth(now, values).into_iter().filter(|(_, by)| *by >= counted.at_least);
            found.extend(grown.map(|(labels, value)| Finding { rule: counted.rule, labels, value }));
        }
        self.error_rates(&samples, thresholds.error_rate, now, &mut found);
        self.latencies(&samples, thresholds.latency.as_secs_f64(), now, &mut found);
        self.call_costs(&samples, thresholds.call_cost, now, &mut found);
        self.drifts(&samples, now, &mut found);
        found
    }

    fn error_rates(&mut self, samples: &[Sample<'_>], most: f64, now: Instant, found: &mut Vec<Finding>) {
        let grown = self.requests.growth(now, sum(samples, REQUESTS, &["provider", "model", "status"], |_| true));
        for (labels, parts) in grouped(grown, 2) {
            let all: f64 = parts.iter().map(|(_, count)| count).sum();
            let failed: f64 = parts.iter().filter(|(status, _)| status.starts_with('5') || status == "429").map(|(_, count)| count).sum();
            if all >= FEWEST && failed / all > most {
                found.push(Finding { rule: &rules::ERROR_RATE, labels, value: failed / all });
            }
        }
    }

    fn latencies(&mut self, samples: &[Sample<'_>], most: f64, now: Instant, found: &mut Vec<Finding>) {
        let grown = self.durations.growth(now, sum(samples, DURATION, &["provider", "model", "le"], |_| true));
        for (labels, parts) in grouped(grown, 2) {
            let buckets = parts.into_iter().filter_map(|(le, count)| Some((le.parse().ok()?, count))).collect();
            if let Some(value) = quantile(buckets, 0.95).filter(|p95| *p95 > most) {
                found.push(Finding { rule: &rules::LATENCY, labels, value });
            }
        }
    }

    /// Calls that cost more than so many nano-units, which is the bound of a bucket.
    fn call_costs(&mut self, samples: &[Sample<'_>], most: u64, now: Instant, found: &mut Vec<Finding>) {
        let labels = rules::CALL_COST.labels;
        let is_bound = |sample: &Sample<'_>| sample.label("le").parse::<f64>().is_ok_and(|le| (le * 1e9 - most as f64).abs() < 0.5);
        let cheap = sum(samples, CALL_BUCKET, labels, is_bound);
        // The dear ones alone: a counter like any other.
        let mut dear = sum(samples, CALLS, labels, |_| true);
        dear.iter_mut().for_each(|(series, count)| *count -= cheap.get(series).unwrap_or(&0.0));
        let grown = self.calls.growth(now, dear).into_iter().filter(|(_, count)| *count >= 1.0);
        found.extend(grown.map(|(labels, value)| Finding { rule: &rules::CALL_COST, labels, value }));
    }

    fn drifts(&mut self, samples: &[Sample<'_>], now: Instant, found: &mut Vec<Finding>) {
        let grown = self.compared.growth(now, sum(samples, COMPARED, &["provider", "model", "by"], |_| true));
        for (labels, parts) in grouped(grown, 2) {
            let of = |who: &str| parts.iter().find(|(by, _)| by == who).map_or(0.0, |(_, count)| *count);
            let (own, vendor) = (of("sidecar"), of("vendor"));
            if vendor > 0.0 && (own / vendor - 1.0).abs() > DRIFT {
                found.push(Finding { rule: &rules::COST_DRIFT, labels, value: (own / vendor - 1.0).abs() });
            }
        }
    }
}

/// What is wrong at this moment.
fn gauges(samples: &[Sample<'_>], thresholds: &AlertThresholds) -> Vec<Finding> {
    let highest = |family: &'static str, rule: &'static Rule| fold(samples, family, rule.labels, |_| true, f64::max);
    let mut found = Vec::new();
    let mut add = |rule: &'static Rule, values: HashMap<Series, f64>, is_wrong: &dyn Fn(f64) -> bool| {
        let wrong = values.into_iter().filter(|(_, value)| is_wrong(*value));
        found.extend(wrong.map(|(labels, value)| Finding { rule, labels, value }));
    };
    add(&rules::BREAKER_OPEN, highest(BREAKER, &rules::BREAKER_OPEN), &|state| state > 1.5);
    add(&rules::OUT_OF_SYNC, highest(IN_SYNC, &rules::OUT_OF_SYNC), &|in_sync| in_sync < 0.5);
    add(&rules::BUDGET_BURN, highest(BUDGET, &rules::BUDGET_BURN), &|used| used >= thresholds.budget);
    let (limits, mut used) = (highest(LIMIT, &rules::SATURATED), highest(IN_FLIGHT, &rules::SATURATED));
    used.retain(|series, _| limits.get(series).is_some_and(|limit| *limit > 0.0));
    used.iter_mut().for_each(|(series, value)| *value /= limits.get(series).unwrap_or(&1.0));
    add(&rules::SATURATED, used, &|part| part >= thresholds.concurrency);
    found
}

fn sum(samples: &[Sample<'_>], family: &str, labels: &[&str], counts: impl Fn(&Sample<'_>) -> bool) -> HashMap<Series, f64> {
    fold(samples, family, labels, counts, |sum, value| sum + value)
}

/// The samples of a family, by the values of these labels.
fn fold(
    samples: &[Sample<'_>],
    family: &str,
    labels: &[&str],
    counts: impl Fn(&Sample<'_>) -> bool,
    join: fn(f64, f64) -> f64,
) -> HashMap<Series, f64> {
    let mut values: HashMap<Series, f64> = HashMap::new();
    for sample in samples.iter().filter(|sample| sample.name == family && counts(sample)) {
        values.entry(sample.labels(labels)).and_modify(|value| *value = join(*value, sample.value)).or_insert(sample.value);
    }
    values
}

/// Series that differ in their last label alone, after the first `count`, together.
fn grouped(values: HashMap<Series, f64>, count: usize) -> HashMap<Series, Vec<(String, f64)>> {
    let mut groups: HashMap<Series, Vec<(String, f64)>> = HashMap::new();
    for (mut series, value) in values {
        if let Some(last) = series.split_off(count).pop() {
            groups.entry(series).or_default().push((last, value));
        }
    }
    groups
}

/// As Prometheus's `histogram_quantile` has it, of cumulative buckets. `None` where there is nothing in them.
fn quantile(mut buckets: Vec<(f64, f64)>, part: f64) -> Option<f64> {
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let rank = buckets.last().filter(|(_, all)| *all > 0.0)?.1 * part;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if count >= rank {
            // Beyond the last bound nothing is known but that.
            let is_last = bound.is_infinite() || count <= below;
            return Some(if is_last { low } else { low + (bound - low) * (rank - below) / (count - below) });
        }
        (low, below) = (bound, count);
    }
    None
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;

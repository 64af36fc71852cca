use super::*;
use crate::metrics::{Labels, Metrics, TargetMetrics};

/// A sidecar's metrics, looked at by the second.
struct Case {
    metrics: Metrics,
    target: TargetMetrics,
    watch: Watch,
    start: Instant,
}

impl Case {
    fn new() -> Self {
        let metrics = Metrics::default();
        metrics.config_in_sync.set(1);
        let target = TargetMetrics::new(&metrics, "p", "m");
        let mut case = Self { metrics, target, watch: Watch::default(), start: Instant::now() };
        assert_eq!(case.at(0), Vec::<String>::new());
        case
    }

    fn at(&mut self, second: u64) -> Vec<String> {
        let now = self.start + Duration::from_secs(second);
        let found = self.watch.look(&self.metrics.encode(), &AlertThresholds::default(), now);
        let mut told: Vec<String> = found.iter().map(|finding| format!("{}: {}", finding.rule.name, finding.summary())).collect();
        told.sort();
        told
    }

    fn requests(&self, count: usize, status: u16, seconds: u64) {
        (0..count).for_each(|_| self.target.request(&self.metrics, status, Duration::from_secs(seconds), None));
    }
}

#[test]
fn failures_count_where_there_were_enough_requests_and_are_forgotten() {
    let mut case = Case::new();
    case.requests(9, 502, 1);
    assert_eq!(case.at(10), [""; 0], "too few");
    case.requests(71, 200, 1);
    case.requests(10, 404, 1);
    assert_eq!(case.at(20), [""; 0], "a tenth is not more than a tenth");
    case.requests(1, 429, 1);
    assert_eq!(case.at(30), ["LLMErrorRateHigh: 11.0 % of the requests to p/m fail"]);
    assert_eq!(case.at(400), [""; 0]);
    assert_eq!(case.at(800), [""; 0]);
}

#[test]
fn the_95th_percentile_is_prometheuss() {
    let mut case = Case::new();
    case.requests(94, 200, 1);
    case.requests(6, 200, 50);
    // Rank 95 is the first of six in the bucket from 30 to 60 seconds.
    assert_eq!(case.at(10), ["LLMLatencyHigh: p/m takes 35.0 s (p95)"]);
    case.requests(100, 200, 1);
    assert_eq!(case.at(20), [""; 0]);
    assert_eq!(quantile(vec![(1.0, 2.0), (f64::INFINITY, 4.0)], 0.95), Some(1.0));
    assert_eq!(quantile(vec![(f64::INFINITY, 0.0)], 0.95), None);
}

#[test]
fn dear_calls_lost_records_and_refused_attempts_are_counted() {
    let mut case = Case::new();
    case.target.spending.cost("USD", 1_000_000_000);
    assert_eq!(case.at(10), [""; 0], "no more than 1");
    case.target.spending.cost("USD", 1_000_000_001);
    case.metrics.money.lost("file", 3);
    case.metrics.money.exceeded("all");
    case.metrics.panics.inc();
    (0..4).for_each(|_| case.metrics.breaker_transition("p", "m", "open", "ratio"));
    (0..9).for_each(|_| case.metrics.breaker_transition("p", "m", "closed", "none"));
    (0..31).for_each(|_| case.metrics.rate_limit_hit("client", "ann", "requests"));
    case.metrics.telemetry.sent.inc();
    case.metrics.telemetry.failed.inc_by(2);
    assert_eq!(
        case.at(20),
        [
            "LLMBreakerFlapping: The circuit breaker of p/m opened 4 times in 15 minutes",
            "LLMBudgetExceeded: 1 attempts were not made in 10 minutes for want of the budget all",
            "LLMCallCostHigh: 1 calls to p/m in 10 minutes cost more than they should, in USD",
            "LLMPanics: 1 requests were lost to a panic",
            "LLMRateLimited: The limit on requests of client ann turned 31 requests away in 5 minutes",
            "LLMTelemetryLost: 2 spans or usage records are lost (failed)",
            "LLMUsageRecordsDropped: 3 usage records were lost on the way to file",
        ]
    );
    // What happened between two looks may have happened just now.
    assert_eq!(case.at(2000).len(), 7);
    assert_eq!(case.at(3000), [""; 0]);
}

#[test]
fn gauges_tell_of_the_moment_and_drift_of_an_hour() {
    let mut case = Case::new();
    case.metrics.config_in_sync.set(0);
    case.metrics.breaker_state.get_or_create(&Labels::of([("provider", "p"), ("model", "m"), ("credential", "2")])).set(2);
    case.metrics.money.budget_used.get_or_create(&Labels::of([("budget", "all")])).set(0.8);
    let limiter = Labels::of([("scope", "upstream"), ("name", "p"), ("model", "")]);
    case.metrics.concurrency_limit.get_or_create(&limiter).set(10);
    case.metrics.concurrency_in_flight.get_or_create(&limiter).set(9);
    case.target.spending.compare((100, 201), (0, 0));
    assert_eq!(
        case.at(10),
        [
            "LLMBreakerOpen: The circuit breaker of p/m is open",
            "LLMBudgetBurn: 80.0 % of the budget all is used",
            "LLMConfigOutOfSync: What runs is not what the configuration says",
            "LLMCostDrift: The token counts of p/m are 50.2 % off the sidecar's own estimates",
            "LLMLimiterSaturated: The concurrency limit of upstream p is used to 90.0 %",
        ]
    );
}

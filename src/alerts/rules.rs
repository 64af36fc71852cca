//! The rules: their names, and what is said of them.

use std::time::Duration;

/// What a value is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Part,
    Seconds,
    Number,
}

/// A rule, by the name it has in `alerts.yaml`.
#[derive(Debug)]
pub(super) struct Rule {
    pub name: &'static str,
    pub severity: &'static str,
    /// For so long it has to hold before the alert fires.
    pub wait: Duration,
    /// What its alerts are told apart by.
    pub labels: &'static [&'static str],
    unit: Unit,
    /// Labels stand in it in braces, and so does `value`.
    summary: &'static str,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

const fn rule(
    name: &'static str,
    severity: &'static str,
    wait: Duration,
    labels: &'static [&'static str],
    unit: Unit,
    summary: &'static str,
) -> Rule {
    Rule { name, severity, wait, labels, unit, summary }
}

const TARGET: &[&str] = &["provider", "model"];
const CRITICAL: &str = "critical";
const WARNING: &str = "warning";

pub(super) static ERROR_RATE: Rule =
    rule("LLMErrorRateHigh", CRITICAL, minutes(2), TARGET, Unit::Part, "{value} of the requests to {provider}/{model} fail");
pub(super) static LATENCY: Rule =
    rule("LLMLatencyHigh", WARNING, minutes(5), TARGET, Unit::Seconds, "{provider}/{model} takes {value} (p95)");
pub(super) static BREAKER_OPEN: Rule =
    rule("LLMBreakerOpen", CRITICAL, minutes(1), TARGET, Unit::Number, "The circuit breaker of {provider}/{model} is open");
pub(super) static BREAKER_FLAPPING: Rule = rule(
    "LLMBreakerFlapping",
    WARNING,
    minutes(0),
    TARGET,
    Unit::Number,
    "The circuit breaker of {provider}/{model} opened {value} times in 15 minutes",
);
pub(super) static OUT_OF_SYNC: Rule =
    rule("LLMConfigOutOfSync", WARNING, minutes(5), &[], Unit::Number, "What runs is not what the configuration says");
pub(super) static SATURATED: Rule = rule(
    "LLMLimiterSaturated",
    WARNING,
    minutes(5),
    &["scope", "name", "model"],
    Unit::Part,
    "The concurrency limit of {scope} {name} is used to {value}",
);
pub(super) static RATE_LIMITED: Rule = rule(
    "LLMRateLimited",
    WARNING,
    minutes(5),
    &["scope", "name", "limit"],
    Unit::Number,
    "The limit on {limit} of {scope} {name} turned {value} requests away in 5 minutes",
);
pub(super) static SHED: Rule =
    rule("LLMRequestsShed", CRITICAL, minutes(2), &["reason"], Unit::Number, "{value} requests were turned away for want of {reason}");
pub(super) static PANICS: Rule = rule("LLMPanics", CRITICAL, minutes(0), &[], Unit::Number, "{value} requests were lost to a panic");
pub(super) static TELEMETRY_LOST: Rule =
    rule("LLMTelemetryLost", WARNING, minutes(10), &["result"], Unit::Number, "{value} spans or usage records are lost ({result})");
pub(super) static CALL_COST: Rule = rule(
    "LLMCallCostHigh",
    WARNING,
    minutes(0),
    &["provider", "model", "currency"],
    Unit::Number,
    "{value} calls to {provider}/{model} in 10 minutes cost more than they should, in {currency}",
);
pub(super) static BUDGET_BURN: Rule =
    rule("LLMBudgetBurn", WARNING, minutes(0), &["budget"], Unit::Part, "{value} of the budget {budget} is used");
pub(super) static BUDGET_EXCEEDED: Rule = rule(
    "LLMBudgetExceeded",
    CRITICAL,
    minutes(0),
    &["budget"],
    Unit::Number,
    "{value} attempts were not made in 10 minutes for want of the budget {budget}",
);
pub(super) static COST_DRIFT: Rule = rule(
    "LLMCostDrift",
    WARNING,
    minutes(15),
    TARGET,
    Unit::Part,
    "The token counts of {provider}/{model} are {value} off the sidecar's own estimates",
);
pub(super) static RECORDS_DROPPED: Rule =
    rule("LLMUsageRecordsDropped", CRITICAL, minutes(0), &["sink"], Unit::Number, "{value} usage records were lost on the way to {sink}");

/// A rule that holds for something.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub rule: &'static Rule,
    /// The values of the rule's labels.
    pub labels: Vec<String>,
    pub value: f64,
}

impl Finding {
    pub(super) fn summary(&self) -> String {
        let value = match self.rule.unit {
            Unit::Part => format!("{:.1} %", self.value * 100.0),
            Unit::Seconds => format!("{:.1} s", self.value),
            Unit::Number => format!("{}", self.value.round()),
        };
        let labels = self.rule.labels.iter().zip(&self.labels);
        labels.fold(self.rule.summary.replace("{value}", &value), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Labels with their names.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.rule.labels.iter().copied().zip(self.labels.iter().map(String::as_str))
    }
}

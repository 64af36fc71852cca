//! Histograms by label, and their part of the page.
//!
//! They are most of a page: a thousand providers have 66,000 lines of them, and prometheus-client's text encoder takes 1,300
//! instructions for each. Here a series' lines share what stands before the numbers. The rest of the page is the library's.
//! The format is OpenMetrics' (<https://prometheus.io/docs/specs/om/open_metrics_spec/>, histogram and exemplars).

use std::fmt::Write;
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;

use super::labels::Labels;

/// One series, of values that are never negative.
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds, ascending; above the last there is one bucket more.
    bounds: &'static [f64],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Each observation is in one bucket; they are added up for the page.
    counts: Box<[u64]>,
    sum: f64,
    /// By bucket, where a request was traced.
    exemplars: Vec<Option<Exemplar>>,
}

#[derive(Clone, Debug)]
struct Exemplar {
    trace_id: Box<str>,
    value: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = vec![0; bounds.len() + 1].into();
        Self { bounds, state: Mutex::new(State { counts, sum: 0.0, exemplars: Vec::new() }) }
    }

    /// Counts a value. `trace_id` is the trace that its bucket points to from now on.
    pub fn observe(&self, value: f64, trace_id: Option<&str>) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        let mut state = self.state.lock();
        if let Some(count) = state.counts.get_mut(bucket) {
            *count += 1;
        }
        state.sum += value;
        if let Some(trace_id) = trace_id {
            state.exemplars.resize(self.bounds.len() + 1, None);
            if let Some(exemplar) = state.exemplars.get_mut(bucket) {
                *exemplar = Some(Exemplar { trace_id: trace_id.into(), value });
            }
        }
    }
}

/// All series of one name.
#[derive(Debug)]
pub struct HistogramFamily {
    name: &'static str,
    help: &'static str,
    unit: Option<&'static str>,
    bounds: &'static [f64],
    /// What stands after the labels of a bucket's line, up to its count.
    ends: Vec<String>,
    series: DashMap<Labels, Arc<Histogram>>,
}

impl HistogramFamily {
    /// `name` ends in the `unit`, where there is one.
    pub(super) fn new(name: &'static str, unit: Option<&'static str>, help: &'static str, bounds: &'static [f64]) -> Self {
        let ends = bounds.iter().map(|bound| format!("le=\"{bound:?}\"}} ")).chain(["le=\"+Inf\"} ".to_owned()]).collect();
        Self { name, help, unit, bounds, ends, series: DashMap::new() }
    }

    /// The series of these labels.
    pub fn get_or_create(&self, labels: &Labels) -> Arc<Histogram> {
        if let Some(series) = self.series.get(labels) {
            return Arc::clone(&series);
        }
        Arc::clone(&self.series.entry(labels.clone()).or_insert_with(|| Arc::new(Histogram::new(self.bounds))))
    }

    /// Writes comments and samples.
    pub(super) fn encode(&self, out: &mut String) {
        let Self { name, help, .. } = self;
        // Writing to a String cannot fail.
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} histogram\n");
        if let Some(unit) = self.unit {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let mut begin = String::new();
        for series in &self.series {
            let labels = series.key().text();
            begin.clear();
            let _ = write!(begin, "{name}_bucket{{{labels}{}", if labels.is_empty() { "" } else { "," });
            let state = series.state.lock();
            let mut total = 0;
            let mut digits = itoa::Buffer::new();
            let mut text = digits.format(total);
            for (bucket, (count, end)) in state.counts.iter().zip(&self.ends).enumerate() {
                if *count > 0 {
                    total += count;
                    text = digits.format(total);
                }
                for part in [&begin, end, text] {
                    out.push_str(part);
                }
                if let Some(Some(Exemplar { trace_id, value })) = state.exemplars.get(bucket) {
                    let _ = write!(out, "{}{trace_id}\"}} {value:?}", super::classic::EXEMPLAR);
                }
                out.push('\n');
            }
            let _ = write!(out, "{name}_sum{{{labels}}} {:?}\n{name}_count{{{labels}}} {total}\n", state.sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(family: &HistogramFamily) -> String {
        let mut out = String::new();
        family.encode(&mut out);
        out
    }

    #[test]
    fn buckets_are_cumulative_and_point_to_the_last_trace() {
        let family = HistogramFamily::new("wait_seconds", Some("seconds"), "Time.", &[0.005, 1.0]);
        let series = family.get_or_create(&Labels::of([("provider", "a"), ("model", "b\"c")]));
        series.observe(0.005, Some("0a"));
        series.observe(0.0, Some("0b"));
        series.observe(0.75, None);
        series.observe(1.5, Some("0c"));
        family.get_or_create(&Labels::of([("provider", "a"), ("model", "b\"c")])).observe(0.5, None);
        let expected = concat!(
            "# HELP wait_seconds Time.\n# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\n",
            "wait_seconds_bucket{provider=\"a\",model=\"b\\\"c\",le=\"0.005\"} 2 # {trace_id=\"0b\"} 0.0\n",
            "wait_seconds_bucket{provider=\"a\",model=\"b\\\"c\",le=\"1.0\"} 4\n",
            "wait_seconds_bucket{provider=\"a\",model=\"b\\\"c\",le=\"+Inf\"} 5 # {trace_id=\"0c\"} 1.5\n",
            "wait_seconds_sum{provider=\"a\",model=\"b\\\"c\"} 2.755\n",
            "wait_seconds_count{provider=\"a\",model=\"b\\\"c\"} 5\n",
        );
        assert_eq!(page(&family), expected);
    }

    #[test]
    fn a_series_may_have_no_labels() {
        let family = HistogramFamily::new("size", None, "Size.", &[2.0]);
        family.get_or_create(&Labels::of([])).observe(1.0, None);
        assert!(page(&family).ends_with("\nsize_bucket{le=\"2.0\"} 1\nsize_bucket{le=\"+Inf\"} 1\nsize_sum{} 1.0\nsize_count{} 1\n"));
    }
}

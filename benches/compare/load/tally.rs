//! What was counted in the measured window.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cpu::Sample;

/// Counts; those outside the window are ignored, but for errors.
pub struct Tally {
    watch: Vec<u32>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    opened: Option<(Instant, Sample)>,
    closed: Option<(Duration, Duration)>,
    count: u64,
    times: Vec<Duration>,
    errors: u64,
    error: Option<String>,
}

impl Tally {
    pub fn new(watch: &[u32]) -> Self {
        Self { watch: watch.to_vec(), inner: RefCell::default() }
    }

    /// Opens the window for `length`.
    pub async fn measure(&self, length: Duration) {
        let sample = Sample::take(&self.watch);
        let begin = Instant::now();
        self.inner.borrow_mut().opened = Some((begin, sample));
        tokio::time::sleep(length).await;
        self.inner.borrow_mut().closed = Some((begin.elapsed(), Sample::take(&self.watch).since(sample)));
    }

    pub fn is_closed(&self) -> bool {
        self.inner.borrow().closed.is_some()
    }

    /// Counts one request, stream or chunk and the time it took.
    pub fn count(&self, time: Duration) {
        let mut inner = self.inner.borrow_mut();
        if inner.opened.is_some() && inner.closed.is_none() {
            inner.count += 1;
            inner.times.push(time);
        }
    }

    pub fn fail(&self, error: &anyhow::Error) {
        let mut inner = self.inner.borrow_mut();
        inner.errors += 1;
        inner.error.get_or_insert_with(|| error.to_string());
    }

    pub fn report(&self) -> Value {
        let mut inner = self.inner.borrow_mut();
        inner.times.sort_unstable();
        let quantile = |q: f64| {
            let last = inner.times.len().saturating_sub(1);
            inner.times.get((last as f64 * q).round() as usize).map(|time| time.as_nanos() as f64 / 1e3)
        };
        let (seconds, cpu) = inner.closed.unwrap_or_default();
        json!({
            "count": inner.count,
            "seconds": seconds.as_secs_f64(),
            "cpu_us": cpu.as_nanos() as f64 / 1e3,
            "p50_us": quantile(0.5),
            "p99_us": quantile(0.99),
            "errors": inner.errors,
            "error": inner.error,
        })
    }
}

//! The page of `/metrics` with a thousand providers that have all been used.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_sidecar::base::outcome::AttemptClass;
use llm_sidecar::metrics::{Metrics, TargetMetrics, to_classic};

const PROVIDERS: usize = 1000;

/// As whole answers use them, and streams too.
fn used(streams: bool) -> Metrics {
    let metrics = Metrics::default();
    for number in 0..PROVIDERS {
        let target = TargetMetrics::new(&metrics, &format!("provider-{number}"), "gpt-4o-mini");
        target.request(&metrics, 200, Duration::from_millis(700), None);
        target.tokens(&metrics, 200, 180, 0, 0, 0);
        target.attempt(&metrics, AttemptClass::Success);
        target.spending.cost("USD", 138_000);
        target.spending.reported("USD", 138_000);
        if streams {
            target.first_token(&metrics, Duration::from_millis(200), None);
            target.inter_token(&metrics, Duration::from_millis(20));
        }
    }
    metrics
}

fn page(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metrics page, 1,000 providers");
    for (name, streams) in [("whole answers", false), ("whole answers and streams", true)] {
        let metrics = used(streams);
        let text = metrics.encode();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| metrics.encode()));
        if streams {
            group.bench_function("in the classic format", |b| b.iter(|| to_classic(&text)));
        }
    }
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);

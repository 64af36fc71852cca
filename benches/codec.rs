//! Splitting a stream into events, by how the bytes arrive.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_sidecar::codec::sse::{self, Splitter};

mod fixtures;

fn split(criterion: &mut Criterion) {
    let events = fixtures::openai_stream(64);
    let whole = events.concat();
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(whole.len() as u64));
    group.bench_function("split, one event a chunk", |b| {
        b.iter(|| {
            let mut splitter = Splitter::default();
            events.iter().map(|event| splitter.event_end(black_box(event)).map_or(0, |_| 1)).sum::<usize>()
        });
    });
    group.bench_function("split, all events in one chunk", |b| {
        b.iter(|| ends(&mut Splitter::default(), black_box(&whole)));
    });
    group.bench_function("split, chunks of 1,460 bytes", |b| {
        b.iter(|| {
            let mut splitter = Splitter::default();
            whole.chunks(1460).map(|chunk| ends(&mut splitter, black_box(chunk))).sum::<usize>()
        });
    });
    group.bench_function("read", |b| {
        b.iter(|| events.iter().filter_map(|event| sse::read(black_box(event))).map(|event| event.data.len()).sum::<usize>());
    });
    group.finish();
}

/// How many events end in the bytes.
fn ends(splitter: &mut Splitter, mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(end) = splitter.event_end(bytes) {
        bytes = bytes.get(end..).unwrap_or_default();
        count += 1;
    }
    count
}

criterion_group!(benches, split);
criterion_main!(benches);

//! What the relay adds to passing bytes on: the tap on each event, the first look at a request and its edit.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_sidecar::chat::DialectId;
use llm_sidecar::dialect::{Quirks, Seen, To, Verdict, dialect};

mod fixtures;

const CHUNKS: usize = 64;

fn taps(criterion: &mut Criterion) {
    let quirks = Quirks::default();
    let mut group = criterion.benchmark_group("tap a stream of 64 chunks");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    for (name, id, events) in [
        ("openai", DialectId::OpenAiChat, fixtures::openai_stream(CHUNKS)),
        ("anthropic", DialectId::AnthropicMessages, fixtures::anthropic_stream(CHUNKS)),
    ] {
        let tap = |events: &[Vec<u8>]| {
            let mut tap = dialect(id).tap(&fixtures::reply(), &quirks);
            let mut seen = Seen::default();
            events.iter().filter(|event| tap.event(event, &mut seen) == Verdict::Pass).count()
        };
        assert_eq!(tap(&events), events.len(), "{name}: the fixture is not passed on as it is");
        group.bench_function(name, |b| b.iter(|| tap(black_box(&events))));
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let quirks = Quirks::default();
    let to = To { model: "model", quirks: &quirks, want_usage: true };
    let mut group = criterion.benchmark_group("relay a request");
    for (name, id, make) in [
        ("openai", DialectId::OpenAiChat, fixtures::openai_request as fn(usize, bool) -> Vec<u8>),
        ("anthropic", DialectId::AnthropicMessages, fixtures::anthropic_request),
    ] {
        for (size, bytes) in [("1 KB", 1 << 10), ("100 KB", 100 << 10)] {
            let body = make(bytes, true);
            let dialect = dialect(id);
            assert!(dialect.view(&body).is_ok() && dialect.edit_request(&body, &to).is_ok(), "{name}: the fixture is not taken");
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(format!("{name}, view, {size}"), |b| b.iter(|| dialect.view(black_box(&body))));
            group.bench_function(format!("{name}, edit, {size}"), |b| b.iter(|| dialect.edit_request(black_box(&body), &to)));
        }
    }
    group.finish();
}

criterion_group!(benches, taps, requests);
criterion_main!(benches);

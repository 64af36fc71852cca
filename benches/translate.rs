//! Translation between the dialects: streams chunk by chunk, and requests.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_sidecar::chat::{ApiError, DialectId, Event};
use llm_sidecar::codec::sse;
use llm_sidecar::dialect::{Quirks, To, dialect};

mod fixtures;

const CHUNKS: usize = 64;

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate a stream of 64 chunks");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    for (name, from, to, events) in [
        ("anthropic to openai", DialectId::AnthropicMessages, DialectId::OpenAiChat, fixtures::anthropic_stream(CHUNKS)),
        ("openai to anthropic", DialectId::OpenAiChat, DialectId::AnthropicMessages, fixtures::openai_stream(CHUNKS)),
    ] {
        let written = translate(from, to, &events).map(|bytes| bytes.len()).unwrap_or_default();
        assert!(written > 64 * CHUNKS, "{name}: the fixture is not translated");
        group.bench_function(name, |b| b.iter(|| translate(from, to, black_box(&events))));
    }
    group.finish();
}

fn translate(from: DialectId, to: DialectId, frames: &[Vec<u8>]) -> Result<BytesMut, ApiError> {
    let mut decoder = dialect(from).decoder();
    let mut encoder = dialect(to).encoder(&fixtures::reply());
    let mut events: Vec<Event> = Vec::new();
    let mut out = BytesMut::new();
    for frame in frames.iter().filter_map(|frame| sse::read(frame)) {
        decoder.frame(frame.name, &frame.data, &mut events)?;
        events.drain(..).for_each(|event| encoder.event(event, &mut out));
    }
    decoder.end(&mut events)?;
    events.drain(..).for_each(|event| encoder.event(event, &mut out));
    Ok(out)
}

fn requests(criterion: &mut Criterion) {
    let quirks = Quirks::default();
    let to = To { model: "model", quirks: &quirks, want_usage: true };
    let mut group = criterion.benchmark_group("translate a request");
    for (size, bytes) in [("1 KB", 1 << 10), ("100 KB", 100 << 10)] {
        for (name, from, target, body) in [
            ("openai to anthropic", DialectId::OpenAiChat, DialectId::AnthropicMessages, fixtures::openai_request(bytes, true)),
            ("anthropic to openai", DialectId::AnthropicMessages, DialectId::OpenAiChat, fixtures::anthropic_request(bytes, true)),
        ] {
            let translate = |body: &[u8]| dialect(from).read_request(body).and_then(|request| dialect(target).write_request(&request, &to));
            assert!(translate(&body).is_ok(), "{name}: the fixture is not taken");
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(format!("{name}, {size}"), |b| b.iter(|| translate(black_box(&body))));
        }
    }
    group.finish();
}

criterion_group!(benches, streams, requests);
criterion_main!(benches);

//! Compressed answers, honest and not (R25, row 91).

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::support::chat;
use crate::support::client::End;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream, gzip};

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// One uncompressed meta-block (RFC 7932, 9.2), then the empty last one.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len() - 1).unwrap();
    // Window 22, not last, length in four nibbles, uncompressed: bits 0b1011, 0, 00, the length, 1.
    let bits = 0b1011_u32 | u32::from(length) << 7 | 1 << 23;
    [&bits.to_le_bytes()[..3], bytes, &[3]].concat()
}

fn answer(coding: &str, body: &[u8]) -> Script {
    let length = body.len().to_string();
    Script::head(200, &[("content-type", "application/json"), ("content-encoding", coding), ("content-length", &length)]).raw(body)
}

fn stream(coding: &str) -> Script {
    Script::head(200, &[("content-type", "text/event-stream"), ("content-encoding", coding), ("transfer-encoding", "chunked")])
}

#[tokio::test]
async fn r25_every_coding_is_understood_whole_and_streamed() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let (whole, events) = (chat::completion("hello").to_string(), chat::stream(&["hello ", "there"]));
    type Encode = fn(&[u8]) -> Vec<u8>;
    let codings: [(&str, Encode); 4] = [("gzip", gzip), ("deflate", deflate), ("zstd", zstd), ("br", brotli)];
    for (coding, encode) in codings {
        upstream.script(answer(coding, &encode(whole.as_bytes())));
        let told = sidecar.chat(&chat::request(false)).await;
        assert_eq!(told.status(), 200, "{coding}: {}", told.text());
        assert_eq!(told.json()["choices"][0]["message"]["content"], "hello", "{coding}");
        assert_eq!(told.head.header("content-encoding"), None, "{coding}");
        upstream.script(stream(coding).chunks(encode(events.as_bytes()).chunks(5)).end());
        let told = sidecar.chat(&chat::request(true)).await;
        told.assert_whole();
        assert_eq!(told.streamed_text(), "hello there", "{coding}");
    }
}

#[tokio::test]
async fn r25_a_bomb_is_refused_and_does_not_fill_the_memory() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {max_response: 1MiB, max_event: 1MiB}").await;
    let bomb = gzip(&vec![b' '; 128 << 20]);
    sidecar.warm_up(&upstream).await;
    let before = sidecar.memory();
    upstream.script(answer("gzip", &bomb));
    let told = sidecar.chat(&chat::request(false)).await;
    told.assert_error(502, "upstream_error", "upstream_invalid_response");
    upstream.script(stream("gzip").chunk(&bomb).end());
    let told = sidecar.chat(&chat::request(true)).await;
    assert_eq!(told.status(), 502, "{}", told.text());
    assert!(sidecar.memory() < before + (24 << 10), "{} KiB, was {before} KiB", sidecar.memory());
}

#[tokio::test]
async fn r25_a_cut_or_a_lie_is_an_error() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let whole = chat::completion("hello").to_string();
    let cut = gzip(whole.as_bytes());
    for (what, script) in [
        ("cut", answer("gzip", &cut[..cut.len() / 2])),
        ("not compressed at all", answer("gzip", whole.as_bytes())),
        ("an unknown coding", answer("lzma", whole.as_bytes())),
    ] {
        upstream.script(script);
        let told = sidecar.chat(&chat::request(false)).await;
        assert_eq!(told.status(), 502, "{what}: {}", told.text());
        told.assert_error(502, "upstream_error", "upstream_invalid_response");
    }
}

#[tokio::test]
async fn row_91_a_compressed_stream_that_breaks_is_broken_for_the_client() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    // A flush after each event, as a vendor that compresses a stream has to do.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for event in [chat::role(), chat::text("hello")] {
        write!(encoder, "data: {event}\n\n").unwrap();
        encoder.flush().unwrap();
    }
    let begun = encoder.get_ref().clone();
    upstream.script(stream("gzip").chunk(&begun).chunk(b"\xff\xff this is not deflate").end());
    let told = sidecar.chat(&chat::request(true)).await;
    assert_eq!(told.streamed_text(), "hello", "{}", told.text());
    assert_ne!(told.end, End::Clean);
    upstream.script(stream("gzip").chunk(&begun).end());
    let told = sidecar.chat(&chat::request(true)).await;
    assert_ne!(told.end, End::Clean, "{}", told.text());
    assert!(!told.text().contains("[DONE]"));
}

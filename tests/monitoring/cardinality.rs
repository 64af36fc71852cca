//! Clients cannot make series: whatever they write as a model or ask for, labels are configured names and closed sets.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const REQUESTS: usize = 100_000;
/// Every so manieth names the provider, and goes upstream.
const UPSTREAM: usize = 50;
/// Requests on their way at once on one connection.
const TOGETHER: usize = 100;
/// `other` in place of a model.
const MOST_NEW: usize = 3;

#[tokio::test]
async fn a_hundred_thousand_random_models_and_paths_add_at_most_three_series() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "log: {access: false}\n").await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    // What there is anyway: a model that is configured, one that is not, an error of each kind that follows.
    let mut known = chat::request(false);
    sidecar.chat(&known).await;
    for model in ["vendor/unheard-of", "unheard-of"] {
        known["model"] = json!(model);
        sidecar.chat(&known).await;
    }
    sidecar.post("/unheard-of", &json!({})).await;
    sidecar.post("/v1/unheard-of", &json!({"model": "unheard-of"})).await;
    sidecar.wait_idle().await;
    let before = series(&sidecar.metrics().await);

    let done = AtomicUsize::new(0);
    let connections = (0..4_usize).map(|connection| {
        let (done, address) = (&done, sidecar.data);
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..REQUESTS / 4 / TOGETHER {
                let mut batch = String::new();
                for place in 0..TOGETHER {
                    write_request(&mut batch, connection * REQUESTS + round * TOGETHER + place);
                }
                let (mut read, mut write) = stream.split();
                let (_, answers) = tokio::join!(async { write.write_all(batch.as_bytes()).await.unwrap() }, take(&mut read, TOGETHER));
                done.fetch_add(answers, Ordering::Relaxed);
            }
        }
    });
    futures_util::future::join_all(connections).await;
    assert_eq!(done.load(Ordering::Relaxed), REQUESTS);
    sidecar.wait_idle().await;
    let after = series(&sidecar.metrics().await);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.len() <= MOST_NEW, "{new:#?}");
    assert!(sidecar.metric("llm_requests_total{model=\"other\"}").await >= (REQUESTS / UPSTREAM) as f64);
}

fn write_request(out: &mut String, number: usize) {
    let word = fastrand::u64(..);
    let (path, model) = match number {
        _ if number.is_multiple_of(UPSTREAM) => ("/v1/chat/completions".to_owned(), format!("vendor/m-{word:x}")),
        _ if number.is_multiple_of(2) => ("/v1/chat/completions".to_owned(), format!("m-{word:x}")),
        _ if number.is_multiple_of(3) => (format!("/v1/{word:x}"), format!("m-{word:x}")),
        _ => (format!("/{word:x}"), "m".to_owned()),
    };
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let length = body.len();
    // Writing to a String cannot fail.
    let _ = write!(out, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
}

/// Reads so many answers, and counts those that are answers.
async fn take(read: &mut (impl AsyncReadExt + Unpin), count: usize) -> usize {
    let (mut got, mut answers) = (Vec::new(), 0);
    while answers < count {
        let Some(head) = find(&got, b"\r\n\r\n") else {
            assert_ne!(read.read_buf(&mut got).await.unwrap(), 0, "the connection was closed");
            continue;
        };
        let text = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 "), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("an answer has a length");
        let end = head + 4 + length.trim().parse::<usize>().unwrap();
        while got.len() < end {
            assert_ne!(read.read_buf(&mut got).await.unwrap(), 0, "the connection was closed");
        }
        got.drain(..end);
        answers += 1;
    }
    answers
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Names and labels, without values. The buckets of one histogram count as one series.
fn series(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned());
    names.filter(|name| !name.contains("_bucket{")).collect()
}

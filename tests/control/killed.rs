//! Killed in the middle of writes, again and again: what is there is whole, and nothing is there that was not noted.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use llm_sidecar::config;
use llm_sidecar::store::{Store, verify};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::sidecar::Sidecar;
use crate::{admin, setting};

const KILLS: usize = 50;

fn store(path: &Path) -> Store {
    Store::new(&config::Store::Sqlite { path: path.to_owned() }).unwrap().unwrap()
}

/// The status of the answer; `None` if the process is gone.
async fn put(address: SocketAddr, name: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let head = "host: x\r\nauthorization: Bearer admin-token\r\nconnection: close\r\ncontent-type: application/json";
    let request = format!("PUT /api/v1/llm/providers/{name} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1).map(str::to_owned)
}

#[tokio::test]
async fn fifty_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let yaml = crate::config(&format!("{{type: sqlite, path: {}}}", path.display()), "");
    let mut confirmed: HashSet<String> = HashSet::new();
    for round in 0..KILLS {
        let sidecar = Sidecar::start_in(&yaml, &setting()).await;
        let writing = async {
            for number in 0.. {
                let name = format!("p{round}-{number}");
                let body = json!({"provider_type": "openai", "config": {"api_key": "key-of-this-one"}});
                let Some(status) = put(sidecar.admin, &name, &body.to_string()).await else { return };
                assert_eq!(status, "201", "{name}");
                confirmed.insert(name);
            }
        };
        let killing = async {
            tokio::time::sleep(Duration::from_millis(5 + 7 * (round as u64 % 9))).await;
            sidecar.signal("KILL");
        };
        // A connection that the killed process never took is reset as well.
        let _ = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(writing, killing) }).await;
    }
    let store = store(&path);
    let (revision, records) = store.records().unwrap();
    let mut entries = Vec::new();
    loop {
        let page = store.audit(entries.len() as i64, 1000).unwrap();
        if page.is_empty() {
            break;
        }
        entries.extend(page);
    }
    let noted: HashSet<&str> = entries.iter().map(|entry| entry.target.as_str()).collect();
    assert!(records.iter().all(|record| noted.contains(record.name.as_str())), "an effect without a note");
    let kept: HashSet<&str> = records.iter().map(|record| record.name.as_str()).collect();
    assert!(confirmed.iter().all(|name| kept.contains(name.as_str())), "something confirmed was lost");
    assert_eq!((revision, entries.len(), records.len()), (records.len() as i64, records.len(), records.len()));
    verify(entries).unwrap();
    // And it still serves.
    let sidecar = Sidecar::start_in(&yaml, &setting()).await;
    let shown: Value = admin(&sidecar, "GET", "/api/v1/llm/providers?limit=1", None).await.json();
    assert_eq!(shown["total"].as_u64(), Some(records.len() as u64));
    eprintln!("{KILLS} kills, {} confirmed, {} kept", confirmed.len(), records.len());
}

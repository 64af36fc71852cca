//! Commands and their standard streams.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

fn schema() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"));
    command.arg("schema").stderr(Stdio::piped());
    command
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let mut command = schema().stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 16];
    let mut out = command.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let ended = command.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_failure() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = schema().stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.starts_with("error: cannot write to standard output: "), "{told}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_under_standard_error_changes_no_status() {
    for words in [&["check", "--config", "/nowhere.yaml"][..], &["audit", "verify", "--config", "/nowhere.yaml"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = Command::new(env!("CARGO_BIN_EXE_llm-sidecar")).args(words).stderr(full).status().unwrap();
        assert_eq!(ended.code(), Some(1), "{words:?}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_full_disk_under_its_log_keeps_it_from_nothing() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (data, admin) = (free(), free());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    // A key that is written out is warned of.
    let providers = "providers: {vendor: {type: openai_compatible, base_url: http://127.0.0.1:9/v1, api_key: k, models: [m]}}";
    fs::write(&config, format!("listen: {data}\nadmin: {{listen: {admin}}}\n{providers}\n")).unwrap();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"));
    let mut child = command.arg("serve").arg("--config").arg(&config).stdout(full()).stderr(full()).spawn().unwrap();
    let answers = async {
        // Both lines are written for a request to a vendor that is not there: the log's and the access log's.
        while child.try_wait().unwrap().is_none() {
            let chat = status(data, "POST /v1/chat/completions", r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#);
            if chat.is_some() && status(admin, "GET /livez", "").as_deref() == Some("200") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    };
    let is_live = tokio::time::timeout(Duration::from_secs(20), answers).await.unwrap_or(false);
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_live, "it has ended: {ended:?}");
}

/// The status of an answer, if there is one.
fn status(address: SocketAddr, line: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = "Host: sidecar\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{line} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1).map(str::to_owned)
}

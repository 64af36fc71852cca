//! Commands whose answer goes to standard output.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};

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

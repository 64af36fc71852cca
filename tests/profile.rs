//! What stands before rustc has releases built by the profile of requests, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const OPTIMIZED: [&str; 6] = ["--crate-name", "some", "-C", "opt-level=3", "--out-dir", "/any/target/release/deps"];
/// Says what it is given, also when it is asked which compiler it is.
const COMPILER: &str = "/bin/echo";
const THIS: &str = "-vV\n";

/// The wrapper, with a profile for a compiler.
struct Folder(TempDir);

impl Folder {
    fn of(compiler: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("profile/rustc"), folder.path().join("rustc")).unwrap();
        fs::write(folder.path().join("compiler"), compiler).unwrap();
        Self(folder)
    }

    fn wrapper(&self) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.0.path().join("rustc")).env_remove("COUNT_REQUESTS");
        command
    }

    /// What the compiler is given when cargo gives it these.
    fn given(&self, arguments: &[&str]) -> String {
        text(&self.wrapper().arg(COMPILER).args(arguments).output().unwrap())
    }

    fn guides(&self, folder: &str) -> bool {
        self.wrapper().args(["--guides", COMPILER, folder]).status().unwrap().success()
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn a_release_is_built_by_the_profile() {
    let folder = Folder::of(THIS);
    let profile = folder.0.path().join("requests.profdata");
    assert_eq!(folder.given(&OPTIMIZED), format!("{} -Cprofile-use={}", OPTIMIZED.join(" "), profile.display()));
    assert!(folder.guides("/any/target/release/build/llm-sidecar-1/out"));
}

#[test]
fn a_release_that_counts_writes_where_it_is_told() {
    let folder = Folder::of(THIS);
    let output = folder.wrapper().env("COUNT_REQUESTS", "/there").arg(COMPILER).args(OPTIMIZED).output().unwrap();
    assert_eq!(text(&output), format!("{} -Cprofile-generate=/there", OPTIMIZED.join(" ")));
}

#[test]
fn anything_else_is_built_as_it_was_asked_for() {
    let folder = Folder::of(THIS);
    let elsewhere: Vec<&str> = OPTIMIZED[..5].iter().copied().chain(["/any/target/ci/deps"]).collect();
    let below_such_a_folder: Vec<&str> = OPTIMIZED[..5].iter().copied().chain(["/any/release/target/ci/deps"]).collect();
    let for_a_target = [&OPTIMIZED[..], &["--target", "aarch64-unknown-linux-gnu"]].concat();
    let by_its_own = [&OPTIMIZED[..], &["-Cprofile-use=/other"]].concat();
    let a_macro = ["--crate-type", "proc-macro", "--out-dir", "/any/target/release/deps"];
    for arguments in [&elsewhere[..], &below_such_a_folder, &for_a_target, &by_its_own, &a_macro, &["--print", "cfg"]] {
        assert_eq!(folder.given(arguments), arguments.join(" "));
    }
    assert!(!folder.guides("/any/target/debug/build/llm-sidecar-1/out"));
    assert!(!folder.guides("/any/release/target/ci/build/llm-sidecar-1/out"));
}

#[test]
fn another_compiler_builds_without_it() {
    let folder = Folder::of("another compiler\n");
    assert_eq!(folder.given(&OPTIMIZED), OPTIMIZED.join(" "));
    assert!(!folder.guides("/any/target/release/build/llm-sidecar-1/out"));
}

#[test]
fn a_failure_of_the_compiler_is_a_failure() {
    assert!(!Folder::of("").wrapper().arg("/bin/false").args(OPTIMIZED).status().unwrap().success());
}

#[test]
fn the_names_of_a_tests_programs_reach_the_compiler() {
    let output = Folder::of(THIS).wrapper().env("CARGO_BIN_EXE_llm-sidecar", "there").arg("/usr/bin/env").output().unwrap();
    assert!(text(&output).contains("CARGO_BIN_EXE_llm-sidecar=there"));
}

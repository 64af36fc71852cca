//! A PostgreSQL server of the test's own, in a folder of its own, reached by a Unix socket in it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail, and may wait")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// PostgreSQL refuses to run as root; this user exists wherever Debian's package is installed.
const USER: &str = "postgres";

pub struct Server {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// `None` if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let binaries = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).find(|bin| bin.join("initdb").exists())?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").ok()?;
        let mut server = Self { folder, binaries, child: None };
        if is_root() {
            let owned = Command::new("chown").arg(USER).arg(server.folder.path()).status();
            assert!(owned.unwrap().success());
        }
        let data = server.data();
        let made =
            server.command("initdb").args(["-U", "sidecar", "-A", "trust", "--no-sync", "-E", "UTF8", "-D"]).arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("host={} user=sidecar dbname=postgres", self.folder.path().display())
    }

    /// The processes that serve connections which are kept.
    pub fn connections(&self) -> BTreeSet<i32> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'llm-sidecar'";
        let asked =
            self.command("psql").args(["-U", "sidecar", "-d", "postgres", "-Atc", sql, "-h"]).arg(self.folder.path()).output().unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8(asked.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    pub fn run(&mut self) {
        let data = self.data();
        let sockets = self.folder.path().to_owned();
        let mut command = self.command("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(sockets).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while !self.command("pg_isready").arg("-h").arg(self.folder.path()).output().unwrap().status.success() {
            assert!(Instant::now() < end, "PostgreSQL does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As if its machine were gone.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let stopped = self.command("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()).output();
        assert!(stopped.unwrap().status.success());
        let _ = child.wait();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's, run as somebody who is not root.
    fn command(&self, name: &str) -> Command {
        let program: &Path = &self.binaries.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program).current_dir("/tmp");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

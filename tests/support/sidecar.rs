//! The compiled sidecar as a child process on free ports, with its configuration file and everything it logs.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::client::{Answer, Client};
use super::upstream::{Script, Upstream};
use super::{chat, within};

/// Under what a sidecar is started.
#[derive(Debug, Default)]
pub struct Setting {
    /// Shell commands before it, such as `ulimit -n 256`.
    pub before: String,
    pub env: Vec<(String, String)>,
    /// The admin listener speaks TLS, so that nothing is asked of it.
    pub has_admin_tls: bool,
}

/// A running sidecar. It is killed when dropped.
pub struct Sidecar {
    child: Child,
    directory: TempDir,
    lines: watch::Receiver<Vec<String>>,
    pub data: SocketAddr,
    pub admin: SocketAddr,
    /// Descriptors that were open when it had started.
    pub descriptors_at_start: usize,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sidecar {
    /// Starts with this configuration. Listeners are added to it, on free ports, unless it names an `admin`.
    pub async fn start(yaml: &str) -> Self {
        Self::start_in(yaml, &Setting::default()).await
    }

    pub async fn start_in(yaml: &str, setting: &Setting) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.yaml"), with_listeners(yaml)).unwrap();
        Self::spawn(directory, setting).await
    }

    /// Starts with the configuration in the layout Kubernetes gives a mounted ConfigMap: a link to a file in a linked folder.
    pub async fn start_mounted(yaml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        mount(directory.path(), 1, &with_listeners(yaml));
        std::os::unix::fs::symlink("..data/config.yaml", directory.path().join("config.yaml")).unwrap();
        Self::spawn(directory, &Setting::default()).await
    }

    /// Starts with one provider named `vendor` at `upstream`, of the OpenAI dialect, and no retries. `more` is further YAML.
    pub async fn before(upstream: &Upstream, more: &str) -> Self {
        Self::start(&provider("openai_compatible", upstream, more)).await
    }

    async fn spawn(directory: TempDir, setting: &Setting) -> Self {
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("{}\nexec \"$0\" serve --config \"$1\"", setting.before), env!("CARGO_BIN_EXE_llm-sidecar")])
            .arg(directory.path().join("config.yaml"))
            .current_dir(directory.path())
            .env_clear()
            .envs(setting.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, mut lines) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        collect(child.stdout.take().unwrap(), Arc::clone(&sender));
        collect(child.stderr.take().unwrap(), sender);
        let (data, admin) = within("the sidecar to listen", async {
            loop {
                // One look at a time: a second one while the first is held would wait for ever if a line came in between.
                let seen = lines.borrow_and_update().clone();
                if let (Some(data), Some(admin)) = (address(&seen, "data"), address(&seen, "admin")) {
                    return (data, admin);
                }
                if lines.changed().await.is_err() {
                    panic!("the sidecar ended at its start: {seen:#?}");
                }
            }
        })
        .await;
        let mut sidecar = Self { child, directory, lines, data, admin, descriptors_at_start: 0 };
        // Once the admin listener answers, everything has been opened.
        if setting.has_admin_tls {
            return sidecar;
        }
        Client::connect(admin).await.get("/livez").await;
        sidecar.descriptors_at_start = within("the sidecar to settle", async {
            loop {
                let seen = sidecar.descriptors();
                tokio::time::sleep(Duration::from_millis(2)).await;
                if sidecar.descriptors() == seen {
                    return seen;
                }
            }
        })
        .await;
        sidecar
    }

    /// Descriptors that are open now.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("config.yaml")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes the configuration into its file, as a simple editor does.
    pub fn edit_in_place(&self, yaml: &str) {
        fs::write(self.config_path(), with_listeners(yaml)).unwrap();
    }

    /// Puts another file in the configuration's place, as a careful editor does.
    pub fn edit_by_rename(&self, yaml: &str) {
        let new = self.directory.path().join(".config.yaml.new");
        fs::write(&new, with_listeners(yaml)).unwrap();
        fs::rename(new, self.config_path()).unwrap();
    }

    /// Swaps the linked folder of [`Self::start_mounted`], as the kubelet does. Each edit needs a new `generation`.
    pub fn edit_mounted(&self, generation: u32, yaml: &str) {
        mount(self.directory.path(), generation, &with_listeners(yaml));
    }

    /// Sends a signal by its name: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the process to end by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        within("the sidecar to exit", async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.data).await
    }

    /// Sends JSON to the data listener on a connection of its own.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut client = self.connect().await;
        client.post_with(path, headers, body).await;
        client.answer().await
    }

    /// Asks for a chat completion.
    pub async fn chat(&self, body: &Value) -> Answer {
        self.post("/v1/chat/completions", body).await
    }

    /// Sends bytes as they are to the data listener and reads one answer.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.answer().await
    }

    /// The sum of a metric's samples that have these labels: `name`, or `name{label="value",...}`.
    pub async fn metric(&self, sample: &str) -> f64 {
        sum(&self.metrics().await, sample)
    }

    /// Waits until a metric has a value.
    pub async fn wait_metric(&self, sample: &str, value: f64) {
        within(&format!("{sample} to be {value}"), async {
            while (self.metric(sample).await - value).abs() > f64::EPSILON {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Waits until nothing is under way.
    pub async fn wait_idle(&self) {
        self.wait_metric("llm_active_requests", 0.0).await;
    }

    /// All metrics, as text.
    pub async fn metrics(&self) -> String {
        Client::connect(self.admin).await.get("/metrics").await.text()
    }

    /// Every line logged so far, of both outputs.
    pub fn log(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// The same without the first `count` lines.
    pub fn log_after(&self, count: usize) -> Vec<String> {
        self.lines.borrow().iter().skip(count).cloned().collect()
    }

    /// Waits for the access-log line of a request.
    pub async fn access(&self, request_id: &str) -> Value {
        self.wait_log(&format!("the access-log line of {request_id}"), |line| {
            line["message"] == "request" && line["request_id"] == request_id
        })
        .await
    }

    /// Waits for a JSON log line.
    pub async fn wait_log(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut lines = self.lines.clone();
        within(what, async {
            loop {
                let found = lines.borrow_and_update().iter().filter_map(|line| serde_json::from_str(line).ok()).find(|line| wanted(line));
                if let Some(found) = found {
                    return found;
                }
                lines.changed().await.expect("the sidecar's log ended");
            }
        })
        .await
    }

    /// Resident memory in KiB, without the pages of the binary.
    pub fn memory(&self) -> usize {
        self.status("RssAnon:")
    }

    /// Resident memory in KiB, all of it.
    pub fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    fn status(&self, key: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Threads at present.
    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().count()
    }

    /// Serves a few requests on either worker, after which memory no longer grows for being new.
    pub async fn warm_up(&self, upstream: &Upstream) {
        for _ in 0..16 {
            upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
            self.chat(&chat::request(true)).await;
        }
    }

    /// Processor time used so far.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // utime and stime, in hundredths of a second.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

/// The sum of a metric's samples in this text that have these labels.
pub fn sum(text: &str, sample: &str) -> f64 {
    let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
    let labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
    let lines = text.lines().filter(|line| {
        let named = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        named && labels.iter().all(|label| line.contains(label))
    });
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// In a provider: it is never left alone, however often it fails.
pub const NO_BREAKER: &str = "breaker: {consecutive_failures: 1000000, min_requests: 1000000}";

/// A configuration with one provider named `vendor` of this type, and no retries. `more` is further YAML at the top level.
pub fn provider(kind: &str, upstream: &Upstream, more: &str) -> String {
    let path = if kind == "anthropic" { "" } else { "/v1" };
    format!(
        "providers:\n  vendor:\n    type: {kind}\n    base_url: http://{}{path}\n    api_key: sk-canary-0123456789\n    models: [m]\n    {NO_BREAKER}\n    \
         retry: {{attempts: 1}}\n    timeout: {{connect: 2s, first_token: 5s, idle: 5s, total: 20s}}\n{more}\n",
        upstream.address
    )
}

fn with_listeners(yaml: &str) -> String {
    let admin = if yaml.contains("admin:") { "" } else { "admin: {listen: 127.0.0.1:0}\n" };
    format!("listen: 127.0.0.1:0\n{admin}{yaml}")
}

fn mount(directory: &Path, generation: u32, yaml: &str) {
    let folder = format!("..generation_{generation}");
    fs::create_dir(directory.join(&folder)).unwrap();
    fs::write(directory.join(&folder).join("config.yaml"), yaml).unwrap();
    let link = directory.join("..data_tmp");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    fs::rename(link, directory.join("..data")).unwrap();
}

/// Collects the lines of one output until it ends.
fn collect(output: impl Read + Send + 'static, lines: Arc<watch::Sender<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

/// The address in the log line that says that this listener is open.
fn address(lines: &[String], listener: &str) -> Option<SocketAddr> {
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = lines.filter(|line| line["message"] == "listening" && line["listener"] == listener);
    found.next()?["address"].as_str()?.parse().ok()
}

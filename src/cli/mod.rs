//! The command line.
#![expect(clippy::disallowed_methods, reason = "a command has its process to itself")]

mod audit;
mod inject;
mod out;
mod secret;

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::config::Overrides;
use crate::vendor::table;
use crate::{app, config, simulate, webhook};

/// A reverse-proxy sidecar for LLM vendors: point an unchanged SDK at it (OpenAI, Anthropic, Gemini, Ollama, ...) and name the vendors in YAML.
#[derive(Parser)]
#[command(version, about, long_about = LONG_ABOUT, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "\
A reverse-proxy sidecar for LLM vendors.

Point an unchanged OpenAI SDK at http://127.0.0.1:4000/v1 (or one of Anthropic, Gemini,
Azure or Ollama at http://127.0.0.1:4000) and name the vendors in a YAML file; every
request is translated to whichever vendor its model belongs to. The file may be edited
while it runs.

  export OPENAI_API_KEY=sk-...     # or ANTHROPIC_API_KEY, DASHSCOPE_API_KEY, ...
  llm-sidecar serve                # providers are made from the keys in the environment
  llm-sidecar vendors              # which vendors are known, and by which variables
  curl http://127.0.0.1:4000/v1/models

No key at hand? `llm-sidecar simulate` is a vendor that needs none.";

#[derive(Subcommand)]
enum Command {
    /// Run the proxy.
    ///
    /// Reads FILE, else $LLM_SIDECAR_CONFIG, else ./config.yaml; with none of them, providers are made from the vendor keys
    /// found in the environment. SIGHUP (or saving the file) reloads, SIGTERM drains and stops. The access log is on standard
    /// output, everything else on standard error.
    Serve(Serve),
    /// Validate a configuration: every error with file:line:column and a hint. Exits 0 if it is valid, 1 if not.
    Check(ConfigFile),
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// List the vendors that a provider's `type` may name: what they speak and offer, and where their key is taken from.
    Vendors {
        /// As a Markdown table.
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
        /// As JSON, with everything that is known.
        #[arg(long)]
        json: bool,
    },
    /// Serve a vendor simulator that needs no key and no network.
    #[command(after_long_help = simulate::directive_help())]
    Simulate(simulate::Options),
    /// Ask the admin listener of a running sidecar whether it is ready. Exits 0 or 1; for probes in images without a shell.
    Health {
        /// The admin listener.
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4001", env = "LLM_SIDECAR_ADMIN")]
        admin: String,
        /// Ask again for so many seconds until it is.
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
        wait: Duration,
        /// The admin listener speaks TLS, with a certificate of the authorities in this PEM file.
        #[arg(long, value_name = "FILE", env = "LLM_SIDECAR_ADMIN_CA")]
        ca: Option<PathBuf>,
        /// The name in that certificate. Default: the admin listener's address.
        #[arg(long, value_name = "NAME", requires = "ca")]
        server_name: Option<String>,
    },
    /// Encrypt the configuration's secrets: make keys, encrypt values, change to another key.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Check and export the audit trail of the store that the configuration names.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Put the sidecar into Kubernetes manifests.
    ///
    /// Reads manifests on standard input (or -f FILE) and writes them with the sidecar in every pod and template of one, and
    /// the variables by which unchanged SDKs find it. Manifests that do not change keep every byte. What was done is told on
    /// standard error. Exits 1 if a pod was refused.
    #[command(after_help = "Example: kubectl get deployment web -o yaml | llm-sidecar inject | kubectl apply -f -")]
    Inject(inject::Inject),
    /// Take the sidecar out of Kubernetes manifests again.
    Uninject(inject::Uninject),
    /// Run the mutating admission webhook that puts the sidecar into new pods of a Kubernetes cluster.
    Webhook(webhook::Options),
    /// Make the webhook's certificate, or renew it where it is too old, and tell the API server of it; for a Job.
    Certify(webhook::CertifyOptions),
    /// Wait; for images without a shell, whose sidecar has to outlive the application for a moment.
    Pause {
        #[arg(value_name = "SECONDS", value_parser = seconds)]
        time: Duration,
    },
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Args)]
struct ConfigFile {
    /// The YAML file; else $LLM_SIDECAR_CONFIG, else ./config.yaml.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs a command.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(Serve { file, overrides }) => finish(app::serve(file.config, overrides)),
        Command::Check(file) => check(file),
        Command::Schema => {
            out::text(config::SCHEMA);
            ExitCode::SUCCESS
        }
        Command::Vendors { markdown, json } => {
            match (markdown, json) {
                (true, _) => out::text(table::markdown()),
                (_, true) => out::line(format_args!("{:#}", table::json())),
                _ => out::text(table::text()),
            }
            ExitCode::SUCCESS
        }
        Command::Simulate(options) => finish(app::simulate(options)),
        Command::Health { admin, wait, ca: None, .. } => finish(health(wait, || ask_health(&admin))),
        Command::Health { admin, wait, ca: Some(ca), server_name } => {
            finish(health(wait, || app::ask_health_tls(&admin, &ca, server_name.clone()).and_then(told)))
        }
        Command::Secret(command) => finish(secret::run(command)),
        Command::Audit(command) => finish(audit::run(command)),
        Command::Inject(options) => exit(inject::inject(options)),
        Command::Uninject(options) => exit(inject::uninject(options)),
        Command::Webhook(options) => finish(app::webhook(&options)),
        Command::Certify(options) => finish(app::certify(&options)),
        Command::Pause { time } => {
            std::thread::sleep(time);
            ExitCode::SUCCESS
        }
    }
}

fn exit(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| finish(Err(error)))
}

/// `5` or `5s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<u32>();
    number.map(|seconds| Duration::from_secs(seconds.into())).map_err(|_| "a number of seconds is expected, such as 5 or 5s".to_owned())
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check(file: ConfigFile) -> ExitCode {
    let (path, checked) = app::check(file.config);
    match checked {
        Ok(config) => {
            for warning in &config.warnings {
                out::line(warning);
            }
            let place = path.map_or_else(|| "environment".to_owned(), |path| path.display().to_string());
            let (providers, aliases) = (config.providers.len(), config.models.len());
            out::line(format_args!("{place}: valid; {providers} providers, {aliases} model aliases"));
            ExitCode::SUCCESS
        }
        Err(failed) => {
            out::note(failed);
            ExitCode::FAILURE
        }
    }
}

fn health(wait: Duration, ask: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_millis(200);
    let started = Instant::now();
    loop {
        match ask() {
            Err(_) if started.elapsed() + PAUSE < wait => std::thread::sleep(PAUSE),
            answered => return answered,
        }
    }
}

fn ask_health(admin: &str) -> anyhow::Result<()> {
    let limit = Duration::from_secs(2);
    let address = admin.to_socket_addrs().with_context(|| format!("{admin} has no address"))?.next();
    let address = address.with_context(|| format!("{admin} has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    told(answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default())
}

fn told(status: u16) -> anyhow::Result<()> {
    anyhow::ensure!(status == 200, "the sidecar is not ready (status {status})");
    out::line("ready");
    Ok(())
}

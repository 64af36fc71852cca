//! `llm-sidecar inject` and `uninject`: Kubernetes manifests in, manifests with or without the sidecar out.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::out;
use crate::inject::{self, Action, Cluster, Fate, Native, Report, Settings};

/// Of `inject`.
#[derive(Args)]
pub struct Inject {
    #[command(flatten)]
    manifests: Manifests,
    /// The injector's settings (YAML: image, config, port, resources, env, ...); without, the built-in ones.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The sidecar's image.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The ConfigMap that holds `config.yaml`.
    #[arg(long, value_name = "NAME")]
    config_map: Option<String>,
    /// The Secret with the vendors' keys.
    #[arg(long, value_name = "NAME")]
    keys_secret: Option<String>,
    /// Whether the sidecar is a native one (an init container that goes on running), which needs Kubernetes 1.29.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    native: NativeFlag,
    /// Change nothing; exit 1 if anything would change.
    #[arg(long)]
    check: bool,
}

/// Of `uninject`.
#[derive(Args)]
pub struct Uninject {
    #[command(flatten)]
    manifests: Manifests,
}

#[derive(Args)]
struct Manifests {
    /// Read these manifests; `-` is standard input. May be given several times.
    #[arg(long = "filename", short = 'f', value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    /// How changed manifests are written: as they came, or all of them as YAML or JSON.
    #[arg(long, short, value_name = "FORMAT", default_value = "same")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Same,
    Yaml,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum NativeFlag {
    Auto,
    Always,
    Never,
}

pub fn inject(options: Inject) -> anyhow::Result<ExitCode> {
    let mut settings = match &options.settings {
        None => Settings::default(),
        Some(path) => read_settings(path)?,
    };
    settings.image = options.image.unwrap_or(settings.image);
    settings.config = options.config_map.unwrap_or(settings.config);
    settings.keys_secret = options.keys_secret.unwrap_or(settings.keys_secret);
    settings.native = match options.native {
        NativeFlag::Auto => settings.native,
        NativeFlag::Always => Native::Always,
        NativeFlag::Never => Native::Never,
    };
    let action = Action::Inject(&settings, Cluster { has_native_sidecars: None });
    let (text, reports) = transform(&options.manifests, action)?;
    let refused = reports.iter().any(|report| matches!(report.fate, Fate::Refused(_)));
    let changes = reports.iter().any(|report| report.fate == Fate::Changed);
    tell(&reports, options.check);
    if !options.check {
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(if refused || options.check && changes { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub fn uninject(options: Uninject) -> anyhow::Result<ExitCode> {
    let (text, reports) = transform(&options.manifests, Action::Remove)?;
    tell(&reports, false);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn read_settings(path: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Settings::read(&text).map_err(|message| anyhow::anyhow!("{}: {message}", path.display()))
}

fn transform(manifests: &Manifests, action: Action<'_>) -> anyhow::Result<(String, Vec<Report>)> {
    let format = match manifests.output {
        Output::Same => inject::Format::Same,
        Output::Yaml => inject::Format::Yaml,
        Output::Json => inject::Format::Json,
    };
    let (mut out, mut reports) = (String::new(), Vec::new());
    for file in &manifests.files {
        let text = read(file)?;
        let (text, more) = inject::run(&text, action, format).map_err(|message| anyhow::anyhow!("{}: {message}", file.display()))?;
        if !out.is_empty() && !text.trim_start().starts_with("---") && !text.trim_start().starts_with('{') {
            out.push_str("---\n");
        }
        out.push_str(&text);
        reports.extend(more);
    }
    Ok((out, reports))
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()));
    }
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        bail!("manifests are expected on standard input: kubectl get deployment web -o yaml | llm-sidecar inject, or name them by -f FILE");
    }
    let mut text = String::new();
    input.read_to_string(&mut text).context("standard input cannot be read")?;
    Ok(text)
}

/// On standard error, one line a manifest.
fn tell(reports: &[Report], check: bool) {
    for report in reports {
        let fate = match &report.fate {
            Fate::Changed if check => "would change".to_owned(),
            Fate::Changed => "changed".to_owned(),
            Fate::Unchanged => "unchanged".to_owned(),
            Fate::Skipped => "skipped: it runs no pods".to_owned(),
            Fate::Refused(refusal) => format!("refused ({}): {}", refusal.reason, refusal.message),
        };
        out::note(format_args!("{}: {fate}", report.name));
        for warning in &report.warnings {
            out::note(format_args!("{}: warning: {warning}", report.name));
        }
    }
}

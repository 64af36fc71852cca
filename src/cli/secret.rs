//! `llm-sidecar secret`: keys, encrypted values, and their change to another key.

use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};

use super::{ConfigFile, out};
use crate::app;
use crate::base::secret::Secret;
use crate::config::{SealedValues, record};
use crate::seal::{self, Sealer};

/// A value is not longer, in bytes.
const LONGEST: u64 = 1 << 20;

#[derive(Subcommand)]
pub enum SecretCommand {
    /// Make a key: 256 random bits in base64.
    Keygen(Keygen),
    /// Encrypt a value for one place of the configuration; the value is read from standard input.
    ///
    /// The key is the one the configuration's section `secrets` names. A value opens only at its place.
    #[command(after_help = "Example: pass show openai | llm-sidecar secret encrypt --for providers/openai/api_key")]
    Encrypt(Encrypt),
    /// Encrypt the configuration's values anew, by the key that `secrets.kek` names.
    ///
    /// What was encrypted by one of `secrets.old` is opened and encrypted by the current key; the files are changed in place, and
    /// a running sidecar takes them up by itself. Afterwards the old keys are superfluous.
    Rotate(Rotate),
}

#[derive(Args)]
pub struct Keygen {
    /// Write it into a new file that only its owner may read, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub struct Encrypt {
    #[command(flatten)]
    file: ConfigFile,
    /// Where the value will stand: `providers/NAME/api_key`, `clients/NAME/key`, `admin/tokens/NAME/token`, ...
    #[arg(long = "for", value_name = "PLACE")]
    place: String,
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    file: ConfigFile,
    /// Also what is encrypted by the current key already, with new data keys.
    #[arg(long)]
    all: bool,
}

pub fn run(command: SecretCommand) -> anyhow::Result<()> {
    match command {
        SecretCommand::Keygen(options) => keygen(&options),
        SecretCommand::Encrypt(options) => encrypt(&options),
        SecretCommand::Rotate(options) => rotate(&options),
    }
}

fn keygen(options: &Keygen) -> anyhow::Result<()> {
    let key = seal::new_key()?;
    let Some(path) = &options.out else {
        out::line(key.expose());
        return Ok(());
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("{} cannot be made", path.display()))?;
    writeln!(file, "{}", key.expose())?;
    file.sync_all()?;
    Ok(())
}

fn encrypt(options: &Encrypt) -> anyhow::Result<()> {
    let (_, sealer) = sealer(&options.file)?;
    let place = options.place.trim_matches('/');
    ensure!(
        place.contains('/') && !place.contains(char::is_whitespace),
        "`{}` is no place in the configuration; write it like `providers/openai/api_key`",
        options.place
    );
    let mut input = std::io::stdin().lock();
    ensure!(!input.is_terminal(), "the value is expected on standard input, where no shell remembers it");
    let mut text = zeroize::Zeroizing::new(String::new());
    input.by_ref().take(LONGEST).read_to_string(&mut text).context("standard input cannot be read")?;
    let value = text.trim_end_matches(['\r', '\n']);
    ensure!(!value.is_empty(), "standard input holds no value");
    out::line(sealer.seal(&record(place), &Secret::new(value))?);
    Ok(())
}

fn rotate(options: &Rotate) -> anyhow::Result<()> {
    let (found, sealer) = sealer(&options.file)?;
    let mut changes: Vec<(PathBuf, Vec<(String, String)>)> = Vec::new();
    let (mut kept, mut left) = (0, 0);
    for (file, value) in &found.values {
        let record = record(&value.place);
        let shown = || format!("{}: {}", file.display(), value.place);
        let sealed = if options.all {
            Some(sealer.seal(&record, &sealer.open(&record, &value.text).with_context(shown)?).with_context(shown)?)
        } else {
            sealer.reseal(&record, &value.text).with_context(shown)?
        };
        match sealed {
            None => kept += 1,
            Some(_) if value.is_elsewhere => {
                left += 1;
                out::note(format_args!("{}: comes from the environment or a file of its own; encrypt it anew there", shown()));
            }
            Some(new) => {
                out::line(shown());
                let change = (value.text.clone(), new);
                match changes.iter_mut().find(|(path, _)| path == file) {
                    Some((_, changes)) => changes.push(change),
                    None => changes.push((file.clone(), vec![change])),
                }
            }
        }
    }
    // Everything has been encrypted by now: what fails does so before a file is touched.
    for (file, changes) in &changes {
        replace(file, changes).with_context(|| format!("{} cannot be changed", file.display()))?;
    }
    let changed: usize = changes.iter().map(|(_, changes)| changes.len()).sum();
    out::line(format_args!("{changed} values encrypted anew, {kept} were already, by the key {}", sealer.key_id()));
    ensure!(left == 0, "{left} values could not be encrypted anew, as they do not stand in the configuration's own files");
    Ok(())
}

/// The configuration's encrypted values, and the sealer it names.
fn sealer(file: &ConfigFile) -> anyhow::Result<(SealedValues, Sealer)> {
    let (path, found, keys) = app::sealed_values(file.config.clone())?;
    match &found.secrets {
        Some(secrets) => {
            let sealer = keys.sealer(secrets).map_err(anyhow::Error::msg)?;
            Ok((found, sealer))
        }
        None => bail!(
            "{} does not say what to encrypt with; make a key with `llm-sidecar secret keygen --out kek.key` and add `secrets: {{kek: {{file: kek.key}}}}`",
            path.display()
        ),
    }
}

/// Replaces texts in a file, which is swapped for a new one as a whole.
fn replace(file: &Path, changes: &[(String, String)]) -> anyhow::Result<()> {
    // Behind a link, the link stays.
    let file = fs::canonicalize(file)?;
    let mut text = fs::read_to_string(&file)?;
    for (old, new) in changes {
        ensure!(text.contains(old), "a value is written in it over several lines or with escapes; encrypt it anew by hand");
        text = text.replace(old, new);
    }
    let name = file.file_name().context("it has no name")?.to_string_lossy().into_owned();
    let new = file.with_file_name(format!(".{name}.rotate"));
    let permissions = fs::metadata(&file)?.permissions();
    let written = (|| {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        out.write_all(text.as_bytes())?;
        out.set_permissions(permissions)?;
        out.sync_all()?;
        fs::rename(&new, &file)?;
        File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    Ok(written?)
}

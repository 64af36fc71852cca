//! `llm-sidecar audit`: the audit trail, checked and exported from the store itself.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::{ConfigFile, out};
use crate::app;
use crate::store::{Entry, Store, verify};

/// Entries that are read at once.
const PAGE: i64 = 1000;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Follow the chain of hashes: exits 1 and names the first entry that was changed, moved or taken out.
    Verify(Verify),
    /// Write all entries to standard output, a JSON object a line.
    Export(ConfigFile),
}

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    file: ConfigFile,
    /// Also that the chain still holds an entry with this hash: a head that was told before.
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

pub fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify(options) => check(&options),
        AuditCommand::Export(file) => {
            for entry in entries(&app::store::of_file(file.config)?)? {
                out::line(serde_json::to_string(&entry)?);
            }
            Ok(())
        }
    }
}

fn check(options: &Verify) -> anyhow::Result<()> {
    let entries = entries(&app::store::of_file(options.file.config.clone())?)?;
    if let Some(head) = &options.head
        && !entries.iter().any(|entry| entry.hash == *head)
    {
        bail!("no entry has the hash {head}: something was cut off or written anew");
    }
    match verify(entries) {
        Ok(end) => out::line(format_args!("{} entries, nothing was changed; head {}", end.entries, end.head)),
        Err(seq) => bail!("entry {seq} is not what was written, or is missing"),
    }
    Ok(())
}

fn entries(store: &Store) -> anyhow::Result<Vec<Entry>> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let page = store.audit(all.last().map_or(0, |entry| entry.seq), PAGE).context("the audit trail cannot be read")?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

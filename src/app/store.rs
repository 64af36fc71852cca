//! The store at the start, and news of it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::sync::mpsc;

use crate::config::{self, Source};
use crate::control::{self, Control as ControlPlane};
use crate::runtime::Stored;
use crate::store::{Store, StoreError};
use crate::vendor;

/// The store that the configuration's file names. What is wrong with the file is told when all of it is read.
pub(super) fn open(source: &Source) -> anyhow::Result<Option<Arc<Store>>> {
    let Some(path) = &source.path else { return Ok(None) };
    match config::boot(path, &vendor::facts(), &super::env) {
        Ok((settings, _)) => Ok(Store::new(&settings).map_err(|error| anyhow::anyhow!("store: {error}"))?.map(Arc::new)),
        Err(_) => Ok(None),
    }
}

/// The store that the configuration names, for commands.
pub fn of_file(given: Option<PathBuf>) -> anyhow::Result<Store> {
    let path = Source::find(given, &super::env).path.context("there is no configuration file; name it by --config FILE")?;
    let (settings, _) = config::boot(&path, &vendor::facts(), &super::env).map_err(|failed| anyhow::anyhow!("{failed}"))?;
    let store = Store::new(&settings).map_err(|error| anyhow::anyhow!("store: {error}"))?;
    store.context("the configuration names no `store`")
}

/// What the store holds. A database that is away is waited for while the sidecar serves what its file says; then there is a reason, too.
pub(super) fn read(store: &Store) -> anyhow::Result<(Stored, Option<String>)> {
    match store.records() {
        Ok((revision, records)) => Ok((Stored { document: control::document(&records), revision: Some(revision) }, None)),
        Err(StoreError::Unavailable(error)) if store.name() == "postgres" => Ok((Stored::default(), Some(error))),
        Err(error) => bail!("store: {error}"),
    }
}

/// Told when the store may hold something new. The thread behind it ends with the process.
pub(super) fn listen(control: Arc<ControlPlane>) -> std::io::Result<mpsc::Receiver<()>> {
    let (sender, news) = mpsc::channel(1);
    let heard = move |is_there: bool| {
        if is_there {
            // Full: the receiver is to look again anyway.
            let _ = sender.try_send(());
        }
    };
    control.store.watch(Arc::default(), Arc::new(heard))?;
    Ok(news)
}

/// Never, where there is no store.
pub(super) async fn heard(news: &mut Option<mpsc::Receiver<()>>) {
    if let Some(news) = news
        && news.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

//! Where records of use go, by the configuration that the process starts with.

use std::sync::Arc;

use anyhow::Context;

use crate::runtime::Runtime;
use crate::store::{Store, UsageSink};
use crate::usage::{FileSink, Sink};

/// The file and the store, as far as they are wanted.
///
/// # Errors
/// The file cannot be written.
pub(super) fn of(runtime: &Runtime, store: Option<&Arc<Store>>) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
    let config = &runtime.snapshot().config;
    if let Some(file) = &config.usage_file {
        let sink = FileSink::open(&file.path, file.max_size, file.keep, &runtime.metrics.money);
        let sink = sink.with_context(|| format!("usage.file.path: {} cannot be written", file.path.display()))?;
        sinks.push(Arc::new(sink));
    }
    let keep = config.usage_keep;
    if let Some(store) = store.filter(|_| !keep.is_zero()) {
        sinks.push(Arc::new(UsageSink::new(Arc::clone(store), keep, &runtime.metrics.money)));
    }
    Ok(sinks)
}

//! What the data listener takes on: places for connections, and whether there is room for one more request.

use std::fs;
use std::sync::Arc;

use super::memory::Memory;
use super::overload::{INTERVAL, Overload};
use super::places::{self, Places};
use crate::config;
use crate::listen::Spare;
use crate::runtime::Runtime;

/// Shared by all workers.
pub struct Capacity {
    pub(super) places: Arc<Places>,
    pub(super) overload: Arc<Overload>,
    /// The admin listener's, too.
    pub spare: Arc<Spare>,
    /// What `server.max_connections` is where it is not set.
    default_connections: usize,
    memory: Memory,
}

impl Default for Capacity {
    /// Reads the limits of this process.
    fn default() -> Self {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let default_connections = places::descriptors(&limits).map_or(usize::MAX, places::default_limit);
        Self { places: Arc::default(), overload: Arc::default(), spare: Arc::default(), default_connections, memory: Memory::find() }
    }
}

impl Capacity {
    /// The most connections at once.
    pub(super) fn max_connections(&self, server: &config::Server) -> usize {
        server.max_connections.unwrap_or(self.default_connections)
    }

    /// Measures now and again, for ever. Runs beside the workers.
    pub async fn watch(&self, runtime: &Runtime) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.overload.measure(&self.memory, &runtime.snapshot().config.server);
        }
    }
}

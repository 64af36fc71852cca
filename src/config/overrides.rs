//! What the command line says over the file: where the process listens is often its surroundings' business, not the file's.

use std::net::SocketAddr;

use super::Config;

/// Settings of the command line that win over the file's.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Listen for clients here instead of where the file says; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// Serve health, metrics and the admin API here instead of where the file says; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Vec<SocketAddr>,
    /// The operational log's level instead of the file's: error, warn, info, debug, trace.
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub log_level: Option<String>,
}

impl Overrides {
    /// # Errors
    /// If anyone on the network could use the vendors' keys.
    pub fn apply(&self, config: &mut Config) -> Result<(), String> {
        let is_open = config.clients.is_empty() && !config.server.allow_open;
        if let Some(address) = self.listen.iter().find(|address| is_open && !address.ip().to_canonical().is_loopback()) {
            return Err(format!(
                "--listen {address}: anyone on the network could use your vendor keys: this address is not loopback and the file has \
                 no `clients`; add some, or allow it with `server: {{allow_open: true}}`"
            ));
        }
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        if !self.admin_listen.is_empty() {
            config.admin.listen.clone_from(&self.admin_listen);
        }
        if let Some(level) = &self.log_level {
            config.log.level.clone_from(level);
        }
        Ok(())
    }
}

//! The operational log's level, which can be changed while the process runs.

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::wrong_level;

/// Sets the level of the process's log; false where it could not.
pub type SetLevel = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The level that is in force, and where it comes from.
pub struct LogLevel {
    levels: Mutex<Levels>,
    set: SetLevel,
}

struct Levels {
    /// The configuration's.
    configured: String,
    running: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    level: String,
}

impl LogLevel {
    /// `configured` is in force already.
    pub fn new(configured: &str, set: SetLevel) -> Self {
        Self { levels: Mutex::new(Levels { configured: configured.to_owned(), running: configured.to_owned() }), set }
    }

    /// A new configuration is in force. Its level counts where it is another one than before: what was set by hand outlives a
    /// reload that has nothing to do with it.
    pub fn follow(&self, configured: &str) {
        let mut levels = self.levels.lock();
        if levels.configured != configured && (self.set)(configured) {
            configured.clone_into(&mut levels.configured);
            configured.clone_into(&mut levels.running);
            tracing::info!(level = configured, "the log's level is another one");
        }
    }

    /// What `GET /api/v1/logs/level` tells.
    pub(super) fn view(&self) -> Value {
        let levels = self.levels.lock();
        json!({"level": levels.running, "configured": levels.configured})
    }

    /// Sets the level that a request's body asks for: `{"level": "debug"}`. The error says what is wrong with it.
    pub(super) fn change(&self, who: &str, body: &[u8]) -> Result<Value, String> {
        let Wanted { level } = serde_json::from_slice(body).map_err(|error| format!("`{{\"level\": \"debug\"}}` is needed: {error}"))?;
        if let Some((word, hint)) = wrong_level(&level) {
            return Err(format!("`{word}` is not a level: {hint}"));
        }
        let was = {
            let mut levels = self.levels.lock();
            if !(self.set)(&level) {
                return Err("the level names no module that can be written so".to_owned());
            }
            std::mem::replace(&mut levels.running, level.clone())
        };
        // Whatever the level: who watches the log learns why it changes.
        tracing::error!(who, was, now = level, "the log's level was changed by hand");
        Ok(self.view())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn level() -> (LogLevel, Arc<Mutex<Vec<String>>>) {
        let set = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&set);
        let level = LogLevel::new(
            "info",
            Box::new(move |level| {
                seen.lock().push(level.to_owned());
                true
            }),
        );
        (level, set)
    }

    #[test]
    fn what_is_set_by_hand_outlives_a_reload_with_the_same_level() {
        let (level, set) = level();
        assert_eq!(level.change("ops", br#"{"level": "debug"}"#).unwrap()["level"], "debug");
        level.follow("info");
        assert_eq!(level.view(), json!({"level": "debug", "configured": "info"}));
        level.follow("warn");
        assert_eq!(level.view(), json!({"level": "warn", "configured": "warn"}));
        assert_eq!(*set.lock(), ["debug", "warn"]);
    }

    #[test]
    fn a_level_that_is_none_changes_nothing() {
        let (level, set) = level();
        for body in [&br#"{"level": "loud"}"#[..], br#"{"level": 3}"#, br#"{"levels": "debug"}"#, b"debug", b""] {
            assert!(level.change("ops", body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(set.lock().is_empty());
    }
}

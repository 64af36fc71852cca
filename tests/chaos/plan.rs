//! A script for each request by its id, so that many requests can be under way at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::support::upstream::{Script, Seen, Upstream};

/// What an upstream does with whom.
#[derive(Clone, Default)]
pub struct Plan(Arc<Mutex<HashMap<String, Script>>>);

impl Plan {
    /// Lets `upstream` go by this plan.
    pub fn of(upstream: &Upstream) -> Self {
        let plan = Self::default();
        let known = plan.clone();
        upstream.respond(move |seen| known.script(seen));
        plan
    }

    /// The script for every attempt at this upstream with that id.
    pub fn set(&self, id: &str, script: Script) {
        self.0.lock().unwrap().insert(id.to_owned(), script);
    }

    fn script(&self, seen: &Seen) -> Script {
        let id = seen.user().expect("a planned request has an id");
        self.0.lock().unwrap().get(&id).cloned().unwrap_or_else(|| panic!("{id} is not planned"))
    }
}

//! An origin: where connections go and how they are secured. Providers with the same origin share its connections, and an
//! origin lives on across reloads while any provider names it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::tls;
use crate::config::ClientTls;

/// Where an origin's name may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    Anywhere,
    /// Not to this machine or its network, whatever a name server says when a connection is opened.
    Public,
}

/// What makes two origins the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginKey {
    pub secure: bool,
    pub host: String,
    pub port: u16,
    /// A digest of the TLS settings, so that connections made under other trust are never shared.
    pub tls: String,
    /// Connections that were opened under one rule are not shared with another.
    pub reach: Reach,
}

/// A place to connect to.
pub struct Origin {
    /// Unique in this process; pools are keyed by it.
    pub id: u64,
    pub key: OriginKey,
    pub(super) tls: Option<tls::Settings>,
}

/// All origins in use.
#[derive(Default)]
pub struct Origins {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    next: u64,
    by_key: HashMap<OriginKey, Weak<Origin>>,
}

impl Origins {
    /// The origin of a URL's parts, made if it is new. The error says what is wrong with the TLS settings.
    pub fn get(&self, secure: bool, host: &str, port: u16, settings: &ClientTls, reach: Reach) -> Result<Arc<Origin>, String> {
        let tls = if secure { tls::digest(settings) } else { String::new() };
        let key = OriginKey { secure, host: host.to_owned(), port, tls, reach };
        let mut known = self.known.lock();
        if let Some(origin) = known.by_key.get(&key).and_then(Weak::upgrade) {
            return Ok(origin);
        }
        let tls = if secure { Some(tls::Settings::new(host, settings)?) } else { None };
        known.next += 1;
        let origin = Arc::new(Origin { id: known.next, key: key.clone(), tls });
        known.by_key.retain(|_, origin| origin.strong_count() > 0);
        known.by_key.insert(key, Arc::downgrade(&origin));
        Ok(origin)
    }
}

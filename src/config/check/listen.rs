//! The addresses of the two listeners, and whether they may be open.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use globset::Glob;

use super::Check;
use crate::config::model::{self, OneOrMany};
use crate::config::node::KeyPath;
use crate::config::types::Admin;

const DATA_PORT: u16 = 4000;
const ADMIN_PORT: u16 = 4001;

impl Check<'_> {
    pub(super) fn data_addresses(&mut self, listen: Option<&OneOrMany>, anyone: bool, allow_open: bool) -> Vec<SocketAddr> {
        let path = KeyPath::Root;
        let path = path.key("listen");
        let addresses = self.addresses(listen, &path, DATA_PORT);
        if anyone && !allow_open && addresses.iter().any(|(_, address)| !is_loopback(address)) {
            let hint = "add `clients:` with keys, listen on 127.0.0.1, or allow it with `server: {allow_open: true}`".to_owned();
            self.report.error(
                &path,
                "anyone on the network could use your vendor keys: this address is not loopback and there are no `clients`",
                hint,
            );
        }
        addresses.into_iter().map(|(_, address)| address).collect()
    }

    pub(super) fn admin(&mut self, raw: &model::Admin, data: &[SocketAddr], allow_open: bool) -> Admin {
        let path = KeyPath::Root;
        let path = path.key("admin");
        let listen_path = path.key("listen");
        let addresses = self.addresses(raw.listen.as_ref(), &listen_path, ADMIN_PORT);
        let is_closed = raw.tokens.is_empty() && raw.oidc.is_none() && raw.kubernetes.is_none();
        if is_closed && !allow_open && addresses.iter().any(|(_, address)| !is_loopback(address)) {
            let hint = "add `admin.tokens`, listen on 127.0.0.1, or allow it with `server: {allow_open: true}`".to_owned();
            self.report.error(
                &listen_path,
                "anyone on the network could read the metrics: this address is not loopback and there are no `admin.tokens`",
                hint,
            );
        }
        if let Some((_, both)) = addresses.iter().find(|(_, address)| address.port() != 0 && data.contains(address)) {
            self.report.error(&listen_path, format!("{both} is the address of `listen` already"), None);
        }
        for (index, pattern) in raw.allow_urls.iter().enumerate() {
            if let Err(error) = Glob::new(pattern) {
                let root = KeyPath::Root;
                let admin = root.key("admin");
                self.report.error(&admin.key("allow_urls").item(index), format!("not a pattern: {}", error.kind()), None);
            }
        }
        let roles = self.roles(&raw.roles);
        let tokens = self.tokens(&raw.tokens, &roles);
        Admin {
            listen: addresses.into_iter().map(|(_, address)| address).collect(),
            tls: raw.tls.as_ref().and_then(|tls| self.admin_tls(tls)),
            tokens,
            oidc: raw.oidc.as_ref().and_then(|oidc| self.oidc(oidc, &roles)),
            kubernetes: raw.kubernetes.as_ref().and_then(|kubernetes| self.kubernetes(kubernetes, &roles)),
            roles,
            allow_urls: raw.allow_urls.clone(),
        }
    }

    /// The addresses as written and as read.
    fn addresses(&mut self, listen: Option<&OneOrMany>, path: &KeyPath<'_>, default: u16) -> Vec<(String, SocketAddr)> {
        let texts = match listen {
            None => return vec![(String::new(), SocketAddr::from((Ipv4Addr::LOCALHOST, default)))],
            Some(OneOrMany::One(text)) => vec![text.clone()],
            Some(OneOrMany::Many(texts)) => texts.clone(),
        };
        if texts.is_empty() {
            self.report.error(path, "the list of addresses is empty", format!("leave the key out for 127.0.0.1:{default}"));
        }
        let mut found: Vec<(String, SocketAddr)> = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let item = path.item(index);
            let at = if matches!(listen, Some(OneOrMany::One(_))) { path } else { &item };
            match address(&text, default) {
                Ok(address) if address.port() != 0 && found.iter().any(|(_, other)| *other == address) => {
                    self.report.error(at, format!("{address} is there twice"), None);
                }
                Ok(address) => found.push((text, address)),
                Err(hint) => self.report.error(at, format!("`{text}` is not an address to listen on"), hint),
            }
        }
        found
    }
}

/// Reads `host:port`. Names but `localhost` are not looked up: a listener's address should not depend on DNS.
fn address(text: &str, default: u16) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    Err(if text.parse::<u16>().is_ok() {
        format!("write `127.0.0.1:{text}`")
    } else if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        format!("add the port: `{}`", SocketAddr::from((ip, default)))
    } else if let Some(port) = text.strip_prefix(':') {
        format!("write `0.0.0.0:{port}` for all addresses, `127.0.0.1:{port}` for this machine only")
    } else {
        format!("write an IP address and a port, like `127.0.0.1:{default}` or `[::1]:{default}`")
    })
}

fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(address("127.0.0.1:4000", 1).unwrap().to_string(), "127.0.0.1:4000");
        assert_eq!(address("[::1]:0", 1).unwrap().to_string(), "[::1]:0");
        assert_eq!(address("localhost:4000", 1).unwrap().to_string(), "127.0.0.1:4000");
        for (bad, hint) in [
            ("4000", "127.0.0.1:4000"),
            (":4000", "0.0.0.0:4000"),
            ("::1", "[::1]:7"),
            ("10.0.0.1", "10.0.0.1:7"),
            ("host:4000", "IP address"),
            ("", "IP address"),
        ] {
            assert!(address(bad, 7).unwrap_err().contains(hint), "{bad}");
        }
    }

    #[test]
    fn loopback() {
        for (text, expected) in [
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(is_loopback(&text.parse().unwrap()), expected, "{text}");
        }
    }
}

//! Which base URLs a provider made through the API may have: public https ones, and what the file allows besides. Who may make
//! providers must not get at the inside of the network by it.

use std::net::IpAddr;

use globset::GlobBuilder;

use crate::base::address;

/// Names that mean this machine or this network.
const INSIDE: &[&str] = &["localhost", "local", "internal", "intranet", "lan", "home", "corp", "localdomain", "arpa"];

/// # Errors
/// Why the URL is not allowed.
pub fn check_url(url: &str, allowed: &[String]) -> Result<(), String> {
    if is_named(url, allowed) {
        return Ok(());
    }
    let Some(rest) = url.strip_prefix("https://") else {
        return Err("only `https://` is allowed, or what `admin.allow_urls` names".into());
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') || authority.contains('%') || !authority.is_ascii() {
        return Err("the host holds what a host has not: a user, an escape or letters beyond ASCII".into());
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if is_public(host.trim_end_matches('.')) {
        Ok(())
    } else {
        Err("the host is not a public one, and `admin.allow_urls` does not name it".into())
    }
}

/// Whether the file allows the URL, wherever it leads. `allowed` is `admin.allow_urls`.
pub fn is_named(url: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|pattern| {
        GlobBuilder::new(pattern)
            .literal_separator(false)
            .build()
            .is_ok_and(|glob| glob.compile_matcher().is_match(url.trim_end_matches('/')))
    })
}

fn is_public(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address::is_public(address);
    }
    let host = host.to_ascii_lowercase();
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    // Decimal, octal and hexadecimal ways to write an address end in a number; no public name does.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    !is_number && !INSIDE.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_hosts_and_what_is_allowed() {
        for good in ["https://api.openai.com/v1", "https://8.8.8.8/v1", "https://[2606:4700::1111]/v1", "https://xn--bcher-kva.example"] {
            assert_eq!(check_url(good, &[]), Ok(()), "{good}");
        }
        for bad in [
            "http://api.openai.com/v1",
            "http://127.0.0.1",
            "https://127.0.0.1",
            "https://127.1",
            "https://127.0.0.1.",
            "https://2130706433",
            "https://0x7f000001",
            "https://0x7f.0.0.1",
            "https://0177.0.0.1",
            "https://127.0.0.0x1",
            "https://0",
            "https://0.0.0.0",
            "https://10.1.2.3",
            "https://172.16.0.1",
            "https://192.168.1.1",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://198.18.0.1",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[::1]",
            "https://[::]",
            "https://[::ffff:127.0.0.1]",
            "https://[::127.0.0.1]",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[ff02::1]",
            "https://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "https://localhost",
            "https://LOCALHOST.",
            "https://a.localhost",
            "https://metadata.google.internal",
            "https://kubernetes",
            "https://printer.local",
            "https://api.openai.com@127.0.0.1",
            "https://127.0.0.1\\@api.openai.com",
            "https://127.0.0.1%2eevil.example",
            "https://\u{ff11}27.0.0.1",
            "https://①27.0.0.1",
            "https://",
            "ftp://api.openai.com",
        ] {
            assert!(check_url(bad, &[]).is_err(), "{bad}");
        }
        let allowed = ["http://127.0.0.1:*".to_owned()];
        assert_eq!(check_url("http://127.0.0.1:8080/v1", &allowed), Ok(()));
        assert!(check_url("http://127.0.0.2:8080/v1", &allowed).is_err());
    }
}

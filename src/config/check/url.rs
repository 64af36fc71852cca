//! The base URL of a provider.

use http::Uri;

/// The URL as given, without trailing slashes. The error never quotes it: it may hold a password.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn base_url(text: &str) -> Result<String, (String, Option<String>)> {
    let wrong = |message: &str, hint: &str| Err((message.to_owned(), (!hint.is_empty()).then(|| hint.to_owned())));
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("the URL has no `https://` or `http://`", "write it like `https://api.example.com/v1`");
    };
    if !matches!(scheme, "http" | "https") {
        return wrong("the URL must begin with `https://` or `http://`", "");
    }
    if rest.contains('#') {
        return wrong("the URL must not have a fragment (`#...`)", "");
    }
    if rest.contains('?') {
        return wrong("the URL must not have a query (`?...`)", "keys go to `api_key`, Azure's version to `api_version`");
    }
    let parsed = text.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
    let Some(authority) = parsed.filter(|authority| !authority.host().is_empty()) else {
        return wrong("this is not a URL", "write it like `https://api.example.com/v1`");
    };
    if authority.as_str().contains('@') {
        return wrong("the URL must not hold a user or password", "put the key into `api_key`");
    }
    // `http` takes any digits for a port.
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let number = port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    if !port.is_empty() && matches!(number, None | Some(0)) {
        return wrong("the URL's port is not a port", "");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether a URL names this machine itself.
pub fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(base_url("https://api.openai.com/v1/"), Ok("https://api.openai.com/v1".into()));
        assert_eq!(base_url(" http://127.0.0.1:8080 "), Ok("http://127.0.0.1:8080".into()));
        assert_eq!(base_url("http://[::1]:11434/v1"), Ok("http://[::1]:11434/v1".into()));
        assert_eq!(base_url("http://[::1]/"), Ok("http://[::1]".into()));
        for bad in [
            "",
            "api.openai.com",
            "ftp://host",
            "https://",
            "https:///v1",
            "https://user:canary@host",
            "https://host/v1?key=canary",
            "https://host/#canary",
            "https://host:99999",
            "https://host:0",
            "https://host:",
            "https://ho st/",
            "https://host:port/",
            "HTTPS//x",
        ] {
            let (message, hint) = base_url(bad).expect_err(bad);
            assert!(!format!("{message}{hint:?}").contains("canary"));
        }
    }
}

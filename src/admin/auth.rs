//! Who is asking on the admin listener. Tokens are compared by digest.

use http::HeaderMap;

use crate::config::{AdminToken, Role};

/// Who is asking, and what it may do.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The token's name.
    pub name: String,
    pub role: Role,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No tokens are configured, so nobody may.
    Closed,
    Unknown,
}

/// The owner of the request's token.
pub(super) fn authenticate(tokens: &[AdminToken], headers: &HeaderMap) -> Result<Caller, Refused> {
    if tokens.is_empty() {
        return Err(Refused::Closed);
    }
    let presented = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .ok_or(Refused::Unknown)?;
    let digest = |text: &str| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let presented = digest(presented);
    // All are compared, so that time tells nothing of which one fits.
    let found = tokens.iter().fold(None, |found, token| {
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(digest(token.token.expose()).as_ref(), presented.as_ref()).is_ok();
        if equal { Some(token) } else { found }
    });
    found.map(|token| Caller { name: token.name.clone(), role: token.role.clone() }).ok_or(Refused::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn a_token_has_an_owner_and_a_part_of_it_has_none() {
        let role = Role::built_in("operator").unwrap();
        let tokens = [AdminToken { name: "o".into(), role, token: Secret::new("operator-token") }];
        let owner = |token: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
            authenticate(&tokens, &headers).map(|caller| (caller.name, caller.role.name))
        };
        assert_eq!(owner("operator-token"), Ok(("o".to_owned(), "operator".to_owned())));
        assert_eq!(owner("operator-toke"), Err(Refused::Unknown));
        assert_eq!(authenticate(&tokens, &HeaderMap::new()).unwrap_err(), Refused::Unknown);
        assert_eq!(authenticate(&[], &HeaderMap::new()).unwrap_err(), Refused::Closed);
    }
}

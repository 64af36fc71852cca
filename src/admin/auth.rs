//! Who may do what on the admin listener. Tokens are compared by digest.

use http::HeaderMap;

use crate::config::{AdminToken, Role};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No tokens are configured, so nobody may.
    Closed,
    Unknown,
    /// The token's role does not suffice.
    Role,
}

/// The name of the request's token, if its role is at least `needed`.
pub(super) fn check<'a>(tokens: &'a [AdminToken], headers: &HeaderMap, needed: Role) -> Result<&'a str, Refused> {
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
    match found {
        None => Err(Refused::Unknown),
        Some(token) if token.role < needed => Err(Refused::Role),
        Some(token) => Ok(&token.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn roles_are_ordered_and_unknown_tokens_refused() {
        let tokens = [
            AdminToken { name: "v".into(), role: Role::Viewer, token: Secret::new("viewer-token") },
            AdminToken { name: "o".into(), role: Role::Operator, token: Secret::new("operator-token") },
        ];
        let check = |token: &str, needed| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
            super::check(&tokens, &headers, needed).map(str::to_owned)
        };
        assert_eq!(check("viewer-token", Role::Viewer), Ok("v".to_owned()));
        assert_eq!(check("viewer-token", Role::Operator), Err(Refused::Role));
        assert_eq!(check("operator-token", Role::Operator), Ok("o".to_owned()));
        assert_eq!(check("viewer-toke", Role::Viewer), Err(Refused::Unknown));
        assert_eq!(super::check(&[], &HeaderMap::new(), Role::Viewer), Err(Refused::Closed));
    }
}

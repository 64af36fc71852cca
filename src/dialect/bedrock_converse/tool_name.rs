//! Names of tools. Converse takes letters, digits, `_` and `-`, 64 of them at most; other dialects' names may hold more. What it
//! does not take is written as its code (`_x2e_`), which is read back wherever a name comes from the vendor.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::chat::ApiError;

const MOST: usize = 64;

/// The name as Converse takes it.
pub(super) fn accepted(name: &str) -> Result<Cow<'_, str>, ApiError> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let written = if name.chars().all(good) && code(name).is_none() {
        Cow::Borrowed(name)
    } else {
        let mut written = String::with_capacity(name.len() + 8);
        for (at, c) in name.char_indices() {
            // What looks like the beginning of a code is not to be taken for one.
            let begins_code = name.get(at..).is_some_and(|rest| rest.starts_with("_x"));
            if good(c) && !begins_code {
                written.push(c);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(written, "_x{:02x}_", u32::from(c));
            }
        }
        Cow::Owned(written)
    };
    if written.is_empty() || written.len() > MOST {
        return Err(ApiError::invalid(
            "unsupported_parameter",
            "tools",
            "this vendor takes no tool with such a name: it is empty or too long",
        ));
    }
    Ok(written)
}

/// The name as its sender wrote it.
pub(super) fn original(name: String) -> String {
    let Some(_) = code(&name) else { return name };
    let mut read = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some((before, c, after)) = code(rest) {
        read.push_str(before);
        read.push(c);
        rest = after;
    }
    read.push_str(rest);
    read
}

/// The first code in a text: what is before it, what it stands for and what is after it.
fn code(text: &str) -> Option<(&str, char, &str)> {
    text.match_indices("_x").find_map(|(at, _)| {
        let (digits, after) = text.get(at + 2..)?.split_once('_')?;
        let is_code = (2..=6).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_code)?)?;
        Some((text.get(..at)?, c, after))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_as_they_are_or_coded() {
        assert_eq!(accepted("get_weather-2").unwrap(), "get_weather-2");
        assert_eq!(accepted("mcp.server/tool").unwrap(), "mcp_x2e_server_x2f_tool");
        assert_eq!(original("mcp_x2e_server_x2f_tool".into()), "mcp.server/tool");
        assert!(accepted("").is_err() && accepted(&"a".repeat(65)).is_err());
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "([a-f0-9x_.é-]|_x|_x2e_){1,10}") {
            if let Ok(written) = accepted(&name) {
                prop_assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
                prop_assert_eq!(original(written.into_owned()), name);
            }
        }
    }
}

//! What makes two requests the same: a digest over everything their answer depends on. Two requests with one key are one
//! request, so the digest is cryptographic, and no text of a request is kept.

use aws_lc_rs::digest::{Context, SHA256};

/// The SHA-256 of a request's parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Each part is preceded by its length, so that bytes cannot move from one part to the next.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_are_the_same_key_and_no_others() {
        let key = |parts: &[&str]| Key::of(parts.iter().map(|part| part.as_bytes()));
        assert!(key(&["a", "bc"]) == key(&["a", "bc"]));
        for other in [&["ab", "c"][..], &["abc"], &["a", "bc", ""], &["", "a", "bc"], &["bc", "a"], &["a", "bC"]] {
            assert!(key(&["a", "bc"]) != key(other), "{other:?}");
        }
    }
}

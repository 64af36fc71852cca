//! Tool-call ids. Anthropic takes letters, digits, `_` and `-`; other vendors' ids may hold anything.

use std::borrow::Cow;

/// The id as Anthropic takes it. The same id always becomes the same, so that a call and its result still match, on every
/// later turn as well; different ids stay different.
pub(super) fn accepted(id: &str) -> Cow<'_, str> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(good) {
        return Cow::Borrowed(id);
    }
    let kept: String = id.chars().filter(|c| good(*c)).take(32).collect();
    Cow::Owned(format!("{kept}_{:016x}", fnv1a(id.as_bytes())))
}

/// The 64-bit Fowler-Noll-Vo hash, which unlike the standard library's is the same in every build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ids_stay_and_others_map_to_distinct_good_ones() {
        assert_eq!(accepted("toolu_01-aB"), "toolu_01-aB");
        let (a, b, empty) = (accepted("call.1:x"), accepted("call.1;x"), accepted(""));
        assert_ne!(a, b);
        assert_eq!(a, accepted("call.1:x"));
        for id in [a, b, empty] {
            assert_eq!(id, accepted(&id), "already good");
        }
    }
}

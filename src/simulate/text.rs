//! Text arithmetic: token counts, pieces of a streamed text, and hashes that make answers deterministic.

/// About one token per four characters, and one for anything at all.
pub(super) fn tokens(chars: usize) -> u64 {
    chars.div_ceil(4) as u64
}

/// FNV-1a, 64 bit: the same input gives the same ids, vectors and signatures in every run.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Deterministic pseudo-random numbers from a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Numbers(pub(super) u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(z ^ (z >> 31))
    }
}

/// `prefix` and 24 letters and digits that depend on `seed` only.
pub(super) fn id(prefix: &str, seed: u64) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = Numbers(seed).take(24).map(|n| char::from(DIGITS.get((n % 32) as usize).copied().unwrap_or(b'a')));
    prefix.chars().chain(letters).collect()
}

/// How a text is cut into deltas.
#[derive(Debug)]
pub(super) enum Pieces {
    /// One word each, with the space before it.
    Words(std::vec::IntoIter<String>),
    /// `left` pieces of `bytes` bytes, the text repeated as often as needed.
    Sized { letters: Vec<u8>, at: usize, left: usize, bytes: usize },
}

impl Pieces {
    pub(super) fn words(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in text.split_inclusive(' ') {
            words.push(word.to_owned());
        }
        Self::Words(words.into_iter())
    }

    /// Pieces are cut at bytes, so only the ASCII of `text` is used.
    pub(super) fn sized(text: &str, count: usize, bytes: usize) -> Self {
        let mut letters: Vec<u8> = text.bytes().filter(u8::is_ascii).collect();
        if letters.is_empty() {
            letters.push(b'.');
        }
        Self::Sized { letters, at: 0, left: count, bytes }
    }

    /// The length of all pieces together, in characters.
    pub(super) fn chars(&self) -> usize {
        match self {
            Self::Words(words) => words.as_slice().iter().map(|word| word.chars().count()).sum(),
            Self::Sized { left, bytes, .. } => left.saturating_mul(*bytes),
        }
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        match self {
            Self::Words(words) => words.next(),
            Self::Sized { letters, at, left, bytes } => {
                *left = left.checked_sub(1)?;
                let piece = letters.iter().cycle().skip(*at).take(*bytes).map(|b| char::from(*b)).collect();
                *at = (*at + *bytes) % letters.len();
                Some(piece)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_join_to_the_text() {
        let text = "You said: hello  world\nnext 😀 line ";
        let pieces = Pieces::words(text);
        assert_eq!(pieces.chars(), text.chars().count());
        assert_eq!(pieces.collect::<String>(), text);
    }

    #[test]
    fn sized_pieces_go_on_where_the_last_one_ended() {
        let pieces: Vec<_> = Pieces::sized("abcde", 3, 4).collect();
        assert_eq!(pieces, ["abcd", "eabc", "deab"]);
        assert_eq!(Pieces::sized("", 2, 2).collect::<String>(), "....");
    }

    #[test]
    fn ids_depend_on_the_seed_only() {
        assert_eq!(id("call_", 7), id("call_", 7));
        assert_ne!(id("call_", 7), id("call_", 8));
        assert_eq!(id("call_", 7).len(), 29);
    }
}

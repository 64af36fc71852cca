//! Where the strings of a JSON text end, found for 64 bytes at a time and without a branch for each escape, which no processor foresees.
//! The way of [simdjson](https://arxiv.org/abs/1902.08318) (Langdale and Lemire, section 3.1.1).

use wide::u8x16;

/// Bytes of a block, one for each bit of a mask.
pub(super) const BLOCK: usize = u64::BITS as usize;
const EVEN: u64 = u64::MAX / 3;

/// Walks over a text, block by block. What it says of bytes outside of strings means nothing.
pub(super) struct Quotes<'t> {
    text: &'t [u8],
    /// Where the present block begins.
    base: usize,
    /// The quotes that no backslash stands before.
    quotes: u64,
    /// What needs a closer look: control characters, and escapes that are not of one letter.
    doubtful: u64,
    /// The block's first byte follows a backslash that begins an escape: 1, else 0.
    escaped: u64,
}

impl<'t> Quotes<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        let mut quotes = Self { text, base: 0, quotes: 0, doubtful: 0, escaped: 0 };
        quotes.load();
        quotes
    }

    /// The offset of the quote that ends the string whose first byte is at `from`, if all between is sure to be valid. Calls go forward.
    pub(super) fn end(&mut self, from: usize) -> Option<usize> {
        while from >= self.base + BLOCK {
            self.next();
        }
        let mut ahead = u64::MAX << (from - self.base);
        loop {
            let quotes = self.quotes & ahead;
            // The bits below the first quote, or all.
            let within = ahead & quotes.wrapping_sub(1) & !quotes;
            if self.doubtful & within != 0 {
                return None;
            }
            if quotes != 0 {
                return Some(self.base + quotes.trailing_zeros() as usize);
            }
            if self.base + BLOCK >= self.text.len() {
                return None;
            }
            self.next();
            ahead = u64::MAX;
        }
    }

    fn next(&mut self) {
        self.base += BLOCK;
        self.load();
    }

    fn load(&mut self) {
        let mut padded;
        let block = match self.text.get(self.base..).and_then(<[u8]>::first_chunk) {
            Some(block) => block,
            None => {
                padded = [b' '; BLOCK];
                let rest = self.text.get(self.base..).unwrap_or_default();
                padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                &padded
            }
        };
        let (quotes, backslashes, controls) = classes(block);
        (self.quotes, self.doubtful) = (quotes, controls);
        if backslashes | self.escaped != 0 {
            let escaped = self.escapes(backslashes);
            self.quotes &= !escaped;
            self.doubtful |= odd_ones(block, escaped);
        }
    }

    /// The characters behind backslashes that begin an escape: in a run of backslashes each second one does.
    fn escapes(&mut self, backslashes: u64) -> u64 {
        let backslashes = backslashes & !self.escaped;
        let followers = backslashes << 1 | self.escaped;
        let (from_odd, carries) = (backslashes & !EVEN & !followers).overflowing_add(backslashes);
        self.escaped = u64::from(carries);
        (EVEN ^ from_odd << 1) & followers
    }
}

/// The quotes, the backslashes and the control characters of a block.
pub(super) fn classes(block: &[u8; BLOCK]) -> (u64, u64, u64) {
    let (quote, backslash, last_control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(0x1f));
    let is_control = |bytes: u8x16| bytes.min(last_control).simd_eq(bytes);
    let least = lanes(block).fold(u8x16::splat(u8::MAX), u8x16::min);
    // Most blocks have none.
    let controls = if is_control(least).any() { mask(block, is_control) } else { 0 };
    (mask(block, |bytes| bytes.simd_eq(quote)), mask(block, |bytes| bytes.simd_eq(backslash)), controls)
}

fn lanes(block: &[u8; BLOCK]) -> impl DoubleEndedIterator<Item = u8x16> {
    block.as_chunks::<16>().0.iter().map(|lane| u8x16::from(*lane))
}

fn mask(block: &[u8; BLOCK], is: impl Fn(u8x16) -> u8x16) -> u64 {
    lanes(block).rev().fold(0, |mask, lane| mask << 16 | u64::from(is(lane).to_bitmask()))
}

/// Those of the escaped characters that are not one of the eight letters that are an escape by themselves.
fn odd_ones(block: &[u8; BLOCK], mut escaped: u64) -> u64 {
    let mut odd = 0;
    while escaped != 0 {
        let letter = block.get(escaped.trailing_zeros() as usize);
        if !matches!(letter, Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) {
            odd |= escaped & escaped.wrapping_neg();
        }
        escaped &= escaped - 1;
    }
    odd
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte: the end of the string, `None` where it has none or is not sure to be valid.
    fn slowly(text: &[u8], from: usize) -> Option<usize> {
        let mut bytes = text.iter().enumerate().skip(from);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => return Some(at),
                b'\\' => match bytes.next()? {
                    (_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
        None
    }

    #[test]
    fn a_run_of_backslashes_across_blocks() {
        for run in 0..140 {
            for before in 0..70 {
                let text = format!("{}{}\"x\"", "a".repeat(before), r"\".repeat(run));
                assert_eq!(Quotes::new(text.as_bytes()).end(0), slowly(text.as_bytes(), 0), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn ends_are_those_found_byte_by_byte(text in r#"["\\\n/a-fnrtu0 é]{0,300}"#) {
            let text = text.as_bytes();
            let mut quotes = Quotes::new(text);
            let mut from = 0;
            while from <= text.len() {
                let (fast, slow) = (quotes.end(from), slowly(text, from));
                prop_assert_eq!(fast, slow);
                let Some(end) = fast else { break };
                from = end + 1;
            }
        }
    }
}

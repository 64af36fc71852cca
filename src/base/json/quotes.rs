//! Where the strings of a JSON text end, without a branch for each escape, which no processor foresees.

use fearless_simd::Level;

use super::window::{self, BLOCK, Masks, Window};

/// Walks over a text, window by window. What it says of bytes outside of strings means nothing.
pub(super) struct Quotes<'t> {
    text: &'t [u8],
    /// Where the present window begins.
    base: usize,
    /// Where the next one does.
    ahead: usize,
    window: Window,
}

impl<'t> Quotes<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self::by(Level::new(), text)
    }

    fn by(level: Level, text: &'t [u8]) -> Self {
        Self { text, base: 0, ahead: 0, window: Window::new(level) }
    }

    /// The offset of the quote that ends the string whose first byte is at `from`, if all between is sure to be valid. Calls go forward.
    #[inline(always)]
    pub(super) fn end(&mut self, from: usize) -> Option<usize> {
        while from >= self.ahead {
            self.next()?;
        }
        let number = (from - self.base) / BLOCK;
        let Masks { quotes, doubtful } = self.window.block(number);
        let behind = u64::MAX << (from % BLOCK);
        if (quotes | doubtful) & behind != 0 {
            return self.first(number, Masks { quotes: quotes & behind, doubtful: doubtful & behind });
        }
        self.end_further(number + 1)
    }

    /// The same, from the block `number` on.
    fn end_further(&mut self, number: usize) -> Option<usize> {
        let mut busy = self.window.busy(number);
        loop {
            if let Some(number) = busy {
                return self.first(number, self.window.block(number));
            }
            self.next()?;
            busy = self.window.busy(0);
        }
    }

    /// The first quote of a block, if nothing doubtful is before it.
    fn first(&self, number: usize, Masks { quotes, doubtful }: Masks) -> Option<usize> {
        let before = quotes.wrapping_sub(1) & !quotes;
        (quotes != 0 && doubtful & before == 0).then(|| self.base + number * BLOCK + quotes.trailing_zeros() as usize)
    }

    /// Goes on to the next window, `None` at the text's end.
    fn next(&mut self) -> Option<()> {
        let rest = self.text.get(self.ahead..).filter(|rest| !rest.is_empty())?;
        self.base = self.ahead;
        self.ahead += window::SIZE;
        self.window.open(rest);
        Some(())
    }
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

    /// What this processor has.
    fn levels() -> impl Iterator<Item = Level> {
        let best = Level::new();
        #[cfg(target_arch = "x86_64")]
        let between = [best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let between = [None];
        between.into_iter().flatten().chain([Level::baseline(), best])
    }

    #[test]
    fn a_run_of_backslashes_across_blocks() {
        for level in levels() {
            for run in (0..8).chain(58..70).chain(120..140) {
                for before in (0..70).chain(960..1030) {
                    let text = format!("{}{}\"x\"", "a".repeat(before), r"\".repeat(run));
                    assert_eq!(Quotes::by(level, text.as_bytes()).end(0), slowly(text.as_bytes(), 0), "{level:?} {text}");
                }
            }
        }
    }

    /// A text of which most is ordinary, as long as several windows.
    fn text() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            60 => "[a-z ,.é]{1,40}",
            8 => r#"\\["nt]"#,
            4 => r#"""#,
            1 => r#"\\{1,3}["\\/bfnrtux]?"#,
            1 => Just("\n".to_owned()),
        ];
        prop::collection::vec(word, 0..200).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn ends_are_those_found_byte_by_byte(text in prop_oneof![text(), r#"["\\\n/a-fnrtu0 é]{0,300}"#]) {
            let text = text.as_bytes();
            for level in levels() {
                let mut quotes = Quotes::by(level, text);
                let mut from = 0;
                while from <= text.len() {
                    let (fast, slow) = (quotes.end(from), slowly(text, from));
                    prop_assert_eq!(fast, slow, "{:?}", level);
                    let Some(end) = fast else { break };
                    from = end + 1;
                }
            }
        }
    }
}

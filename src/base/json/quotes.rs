//! Where the strings of a JSON text end, without a branch for each escape, which no processor foresees.

use super::window::{self, BLOCK, Masks, Window};

/// Walks over a text, window by window. What it says of bytes outside of strings means nothing.
pub(super) struct Quotes<'t> {
    text: &'t [u8],
    /// Where the present window begins.
    base: usize,
    window: Window,
}

impl<'t> Quotes<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        let mut quotes = Self { text, base: 0, window: Window::default() };
        quotes.window.open(text);
        quotes
    }

    /// The offset of the quote that ends the string whose first byte is at `from`, if all between is sure to be valid. Calls go forward.
    pub(super) fn end(&mut self, from: usize) -> Option<usize> {
        while from >= self.base + window::SIZE {
            self.next()?;
        }
        let number = (from - self.base) / BLOCK;
        let Masks { quotes, doubtful } = self.window.block(number);
        let ahead = u64::MAX << (from % BLOCK);
        if (quotes | doubtful) & ahead != 0 {
            return self.first(number, Masks { quotes: quotes & ahead, doubtful: doubtful & ahead });
        }
        let mut busy = self.window.busy(number + 1);
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
        self.base += window::SIZE;
        let rest = self.text.get(self.base..).filter(|rest| !rest.is_empty())?;
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

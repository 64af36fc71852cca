//! A short cut for the relay. The chunks of a stream differ in a few strings only (the text, a padding), so a chunk that
//! equals the last judged one but for those strings needs no judging: comparing costs a fraction of parsing.

use memchr::memchr3;

/// Strings that differ from chunk to chunk without changing what a chunk means to a relay.
const VARYING: [&[u8]; 7] = [b"content", b"reasoning_content", b"reasoning", b"arguments", b"text", b"obfuscation", b"p"];
const MOST: usize = 4;

/// The last ordinary frame, cut at the values of its varying strings.
#[derive(Debug, Default)]
pub struct Template {
    frame: Vec<u8>,
    /// Where each varying value starts and ends in `frame`.
    holes: [(usize, usize); MOST],
    count: usize,
}

impl Template {
    /// Takes a frame that was judged to be ordinary: content, no finish, no usage, no error.
    pub fn learn(&mut self, frame: &[u8]) {
        self.frame.clear();
        self.frame.extend_from_slice(frame);
        self.count = 0;
        let mut at = 0;
        let mut key: &[u8] = b"";
        // Goes from string to string; a string right after `"key":` is that key's value.
        while let Some(open) = frame.get(at..).and_then(|rest| memchr::memchr(b'"', rest)).map(|skip| at + skip) {
            let Some(close) = string_end(frame, open + 1) else { break };
            let is_value = open >= 1 && frame.get(..open).is_some_and(|before| before.trim_ascii_end().ends_with(b":"));
            if is_value && VARYING.contains(&key) {
                let Some(hole) = self.holes.get_mut(self.count) else { break };
                *hole = (open + 1, close);
                self.count += 1;
            }
            key = if is_value { b"" } else { frame.get(open + 1..close).unwrap_or_default() };
            at = close + 1;
        }
    }

    /// The length of the longest varying string, if a frame is like the learnt one.
    pub fn fits(&self, frame: &[u8]) -> Option<usize> {
        if self.count == 0 {
            return None;
        }
        let (mut from, mut at, mut longest) = (0, 0, 0);
        for (start, end) in self.holes.iter().take(self.count) {
            let literal = self.frame.get(from..*start).unwrap_or_default();
            if !frame.get(at..).is_some_and(|rest| rest.starts_with(literal)) {
                return None;
            }
            let open = at + literal.len();
            let close = string_end(frame, open)?;
            longest = longest.max(close - open);
            (from, at) = (*end, close);
        }
        (frame.get(at..) == self.frame.get(from..)).then_some(longest)
    }
}

/// The offset of the quote that ends the string whose first byte is at `from`. `None` where the line ends before it.
fn string_end(frame: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr3(b'"', b'\\', b'\n', frame.get(at..)?)?;
        match frame.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] =
        b"data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"obfuscation\":\"x\"}\n\n";

    fn learnt() -> Template {
        let mut template = Template::default();
        template.learn(FRAME);
        template
    }

    #[test]
    fn only_varying_strings_may_differ() {
        let template = learnt();
        let like = |text: &str| template.fits(text.as_bytes()).is_some();
        assert_eq!(template.fits(FRAME), Some(2));
        assert!(like(
            "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"a \\\"quoted\\\" é\\\\\"},\"finish_reason\":null}],\"obfuscation\":\"\"}\n\n"
        ));
        assert!(!like(
            "data: {\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"obfuscation\":\"x\"}\n\n"
        ));
        assert!(!like(
            "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"obfuscation\":\"x\"}\n\n"
        ));
        assert!(!like(
            "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"obfuscation\":\"x\"} \n\n"
        ));
        assert!(!like("data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"hi\n\n"));
        assert!(!like(""));
    }

    #[test]
    fn every_cut_or_broken_byte_outside_the_strings_is_noticed() {
        let template = learnt();
        for at in 0..FRAME.len() {
            assert_eq!(template.fits(&FRAME[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn nothing_fits_before_anything_was_learnt() {
        assert_eq!(Template::default().fits(b""), None);
        let mut template = Template::default();
        template.learn(b"data: {\"no\":\"hole\"}\n\n");
        assert_eq!(template.fits(b"data: {\"no\":\"hole\"}\n\n"), None);
    }
}

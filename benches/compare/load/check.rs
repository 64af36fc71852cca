//! Checks answers to the last byte.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{bail, ensure};
use memchr::memmem;

use crate::answers::{STAMP, Script, whole_text};

/// Checks one answer.
pub enum Check {
    /// A whole answer must hold the text.
    Whole(Vec<u8>),
    /// A relayed stream must be the upstream's, byte for byte (but for the times in it).
    Exact(Exact),
    /// A translated stream must hold all of the content, in order, and its end.
    Translated(Rc<Script>, Vec<u8>),
}

pub struct Exact {
    script: Rc<Script>,
    at: usize,
    /// The number of the next stamp, and its digits so far.
    stamp: usize,
    digits: u128,
}

impl Check {
    pub fn exact(script: &Rc<Script>) -> Self {
        Self::Exact(Exact { script: Rc::clone(script), at: 0, stamp: 0, digits: 0 })
    }

    /// Takes the next bytes of the body; `lag` is told how long ago each chunk was sent.
    pub fn feed(&mut self, bytes: &[u8], lag: &mut impl FnMut(Duration)) -> anyhow::Result<()> {
        match self {
            Self::Whole(held) | Self::Translated(_, held) => held.extend_from_slice(bytes),
            Self::Exact(exact) => exact.feed(bytes, lag)?,
        }
        Ok(())
    }

    /// The answer has ended.
    pub fn finish(&self) -> anyhow::Result<()> {
        match self {
            Self::Whole(held) => {
                ensure!(memmem::find(held, whole_text().as_bytes()).is_some(), "the answer is another one");
                ensure!(held.trim_ascii_end().ends_with(b"}"), "the answer is cut");
            }
            Self::Exact(exact) => ensure!(exact.at == exact.script.bytes.len(), "the stream is cut"),
            Self::Translated(script, held) => {
                ensure!(content(held) == script.text.as_bytes(), "the stream has another content");
                ensure!(memmem::find(held, b"\"finish_reason\":\"stop\"").is_some(), "the stream has no finish_reason");
                ensure!(memmem::find(held, b"\"completion_tokens\":").is_some(), "the stream has no usage");
                ensure!(held.ends_with(b"data: [DONE]\n\n"), "the stream is cut");
            }
        }
        Ok(())
    }
}

impl Exact {
    fn feed(&mut self, mut bytes: &[u8], lag: &mut impl FnMut(Duration)) -> anyhow::Result<()> {
        while !bytes.is_empty() {
            let stamp = self.script.stamps.get(self.stamp).copied().unwrap_or(self.script.bytes.len());
            if self.at < stamp {
                let (literal, after) = bytes.split_at(bytes.len().min(stamp - self.at));
                if self.script.bytes.get(self.at..self.at + literal.len()) != Some(literal) {
                    bail!("the stream differs from the upstream's near byte {}", self.at);
                }
                self.at += literal.len();
                bytes = after;
                continue;
            }
            ensure!(stamp < self.script.bytes.len(), "the stream is longer than the upstream's");
            let (digits, after) = bytes.split_at(bytes.len().min(stamp + STAMP - self.at));
            for digit in digits {
                ensure!(digit.is_ascii_digit(), "a time is broken");
                self.digits = self.digits * 10 + u128::from(digit - b'0');
            }
            self.at += digits.len();
            bytes = after;
            if self.at == stamp + STAMP {
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
                lag(Duration::from_nanos(u64::try_from(now.saturating_sub(self.digits))?));
                self.digits = 0;
                self.stamp += 1;
            }
        }
        Ok(())
    }
}

/// All content of a stream of OpenAI's format, as it is escaped.
fn content(stream: &[u8]) -> Vec<u8> {
    const KEY: &[u8] = b"\"content\":\"";
    let mut found = Vec::new();
    for at in memmem::find_iter(stream, KEY) {
        let value = stream.get(at + KEY.len()..).unwrap_or_default();
        found.extend_from_slice(value.split(|byte| *byte == b'"').next().unwrap_or_default());
    }
    found
}

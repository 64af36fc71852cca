//! How much of each kind of use an answer took.

use crate::base::kind::Kind;

/// How much of each kind an answer took. No token is in two kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Kind::COUNT]);

impl Counts {
    pub fn get(&self, kind: Kind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    pub fn set(&mut self, kind: Kind, count: u64) {
        if let Some(slot) = self.0.get_mut(kind as usize) {
            *slot = count;
        }
    }

    /// Tokens of the prompt, which prices by the length of the context go by.
    pub fn prompt(&self) -> u64 {
        use Kind::{AudioInput, CacheRead, CacheWrite, CacheWrite1h, ImageInput, Input};
        [Input, CacheRead, CacheWrite, CacheWrite1h, AudioInput, ImageInput]
            .into_iter()
            .fold(0, |sum: u64, kind| sum.saturating_add(self.get(kind)))
    }
}

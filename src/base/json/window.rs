//! Where the quotes of a text are and what in it needs a closer look, one bit for each byte, for [`SIZE`] bytes at a time and by the
//! widest vectors that the processor has.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u8x64};

/// Bytes of a block, one for each bit of a mask.
pub(super) const BLOCK: usize = u64::BITS as usize;
const BLOCKS: usize = u16::BITS as usize;
/// Bytes of a window.
pub(super) const SIZE: usize = BLOCKS * BLOCK;
const EVEN: u64 = u64::MAX / 3;

/// A window on a text. Windows are opened one behind the other, as an escape may begin in one and end in the next.
pub(super) struct Window {
    level: Level,
    blocks: [Masks; BLOCKS],
    /// The blocks that have any bit, one bit for each.
    busy: u16,
    /// What follows begins behind a backslash that begins an escape: 1, else 0.
    escaped: u64,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Masks {
    /// The quotes that no backslash stands before.
    pub quotes: u64,
    /// Control characters, and characters behind a backslash that are not one of the eight that are an escape with it.
    pub doubtful: u64,
}

impl Window {
    /// A window for a processor of this level, not yet opened.
    pub(super) fn new(level: Level) -> Self {
        Self { level, blocks: [Masks::default(); BLOCKS], busy: 0, escaped: 0 }
    }

    /// Opens the next window on a text, of which this is the rest.
    pub(super) fn open(&mut self, rest: &[u8]) {
        let mut padded;
        let bytes = match rest.first_chunk() {
            Some(bytes) => bytes,
            None => {
                padded = [b' '; SIZE];
                if let Some(start) = padded.get_mut(..rest.len()) {
                    start.copy_from_slice(rest);
                }
                &padded
            }
        };
        dispatch!(self.level, simd => self.fill(simd, bytes));
    }

    /// The masks of a block.
    pub(super) fn block(&self, number: usize) -> Masks {
        self.blocks.get(number).copied().unwrap_or_default()
    }

    /// The first block from `number` on that has any bit.
    pub(super) fn busy(&self, number: usize) -> Option<usize> {
        let busy = self.busy & u16::MAX.checked_shl(number as u32).unwrap_or_default();
        (busy != 0).then(|| busy.trailing_zeros() as usize)
    }

    /// Most texts have no other escapes than those of quotes, lines and tabs, and no runs of backslashes: then all blocks are gone through
    /// without a branch, as none could be foreseen.
    #[inline(always)]
    fn fill(&mut self, simd: impl Simd, bytes: &[u8; SIZE]) {
        let mut least = u8x64::splat(simd, u8::MAX);
        let (mut escaped, mut runs, mut others, mut busy) = (self.escaped, 0, 0, 0);
        for (number, (block, masks)) in bytes.as_chunks().0.iter().zip(&mut self.blocks).enumerate() {
            let block = u8x64::load_array_ref(simd, block);
            let (is_quote, is_backslash) = (block.simd_eq(b'"'), block.simd_eq(b'\\'));
            let (quotes, backslashes) = (is_quote.to_bitmask(), is_backslash.to_bitmask());
            let usual = (is_quote | is_backslash | block.simd_eq(b'n') | block.simd_eq(b't')).to_bitmask();
            least = least.min(block);
            let followers = backslashes << 1 | escaped;
            escaped = backslashes >> (BLOCK - 1);
            runs |= backslashes & followers;
            others |= followers & !usual;
            *masks = Masks { quotes: quotes & !followers, doubtful: 0 };
            busy |= u16::from(masks.quotes != 0) << number;
        }
        if runs | others != 0 || least.simd_lt(b' ').any_true() {
            return self.fill_exactly(simd, bytes);
        }
        (self.busy, self.escaped) = (busy, escaped);
    }

    /// For any text, in the way of [simdjson](https://arxiv.org/abs/1902.08318) (Langdale and Lemire, section 3.1.1).
    #[inline(always)]
    fn fill_exactly(&mut self, simd: impl Simd, bytes: &[u8; SIZE]) {
        self.busy = 0;
        for (number, (bytes, masks)) in bytes.as_chunks().0.iter().zip(&mut self.blocks).enumerate() {
            let block = u8x64::load_array_ref(simd, bytes);
            let (quotes, backslashes) = (block.simd_eq(b'"').to_bitmask(), block.simd_eq(b'\\').to_bitmask());
            let escaped = escapes(backslashes, &mut self.escaped);
            *masks = Masks { quotes: quotes & !escaped, doubtful: block.simd_lt(b' ').to_bitmask() | odd_ones(bytes, escaped) };
            self.busy |= u16::from(masks.quotes | masks.doubtful != 0) << number;
        }
    }
}

/// The characters behind backslashes that begin an escape: in a run of backslashes each second one does. `carry` is 1 if the first
/// character is one of them, and then if the first of the next block is.
fn escapes(backslashes: u64, carry: &mut u64) -> u64 {
    let backslashes = backslashes & !*carry;
    let followers = backslashes << 1 | *carry;
    let (from_odd, carries) = (backslashes & !EVEN & !followers).overflowing_add(backslashes);
    *carry = u64::from(carries);
    (EVEN ^ from_odd << 1) & followers
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

/// The characters of a block that a text in quotes cannot hold as they are: quotes, backslashes and control characters.
pub(super) fn specials(block: &[u8; BLOCK]) -> u64 {
    #[inline(always)]
    fn of(simd: impl Simd, block: &[u8; BLOCK]) -> u64 {
        let block = u8x64::load_array_ref(simd, block);
        (block.simd_eq(b'"') | block.simd_eq(b'\\') | block.simd_lt(b' ')).to_bitmask()
    }
    // What every processor has: a block is too little to choose for.
    dispatch!(Level::baseline(), simd => of(simd, block))
}

//! JSON Lines: one JSON text a line, each ended by a line feed.

use memchr::memchr;

/// The offset just past the line feed that ends the current line, or `None` when `bytes` ends before it.
pub(super) fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr(b'\n', bytes).map(|at| at + 1)
}

/// The text of a line, with or without its end. `None` for a blank line.
pub(super) fn read(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.trim_ascii();
    (!line.is_empty()).then_some(line)
}

//! Standard output and standard error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Writes a line. Whoever reads may stop before the end, as `head` does: then the command ends, and has not failed. Where nothing can be
/// written for another reason, as on a full disk, it has.
pub fn line(text: impl Display) {
    write(format_args!("{text}\n"));
}

/// Writes a text as it is; otherwise as [`line`].
pub fn text(text: impl Display) {
    write(format_args!("{text}"));
}

/// Writes a line to standard error, as far as it can be: of what cannot be written there nobody could be told, and the command goes on.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn write(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    note(format_args!("error: cannot write to standard output: {error}"));
    std::process::exit(1);
}

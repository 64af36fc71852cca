//! W3C Trace Context: the header `traceparent`, in and out.

use std::fmt::Write;

/// Where something belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub trace: u128,
    pub span: u64,
    pub sampled: bool,
}

impl Context {
    /// Reads a `traceparent`. `None` where it is malformed, which means that there is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = number(version, 2)?;
        // Later versions may add to the end; `ff` is no version.
        if version == 0xff || version == 0 && parts.next().is_some() {
            return None;
        }
        let trace = number(trace, 32).filter(|id| *id != 0)?;
        let span = u64::try_from(number(span, 16)?).ok().filter(|id| *id != 0)?;
        Some(Self { trace, span, sampled: number(flags, 2)? & 1 == 1 })
    }

    /// Writes a `traceparent`.
    pub fn write(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// A trace's id as it is shown.
pub fn hex(trace: u128) -> String {
    let mut text = String::with_capacity(32);
    // Writing to a String cannot fail.
    let _ = write!(text, "{trace:032x}");
    text
}

/// Exactly so many hexadecimal digits in lower case.
fn number(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read() {
        let context = Context::parse(EXAMPLE).unwrap();
        assert_eq!(
            (context.trace, context.span, context.sampled),
            (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true)
        );
        assert_eq!(context.write(), EXAMPLE);
        assert_eq!(hex(context.trace), "4bf92f3577b34da6a3ce929d0e0e4736");
        let unsampled = Context { sampled: false, ..context };
        assert_eq!(Context::parse(&unsampled.write()), Some(unsampled));
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert_eq!(Context::parse(later), Context::parse(EXAMPLE));
    }

    #[test]
    fn what_is_malformed_is_none() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }
}

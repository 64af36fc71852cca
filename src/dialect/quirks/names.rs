//! Models by patterns of their names.

use memchr::memchr_iter;

/// Whether a model's name matches one of the patterns and none of the exempt ones.
pub fn fits(names: &[String], except: &[String], model: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, model));
    any(names) && !any(except)
}

/// Whether `text` matches `pattern`, in which each `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    bytes_match(pattern.as_bytes(), text.as_bytes())
}

fn bytes_match(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Most patterns are of another vendor's models, and differ at once.
    let tail = loop {
        match (pattern, text) {
            ([b'*', tail @ ..], _) => break tail,
            ([wanted, others @ ..], [byte, rest @ ..]) if wanted == byte => (pattern, text) = (others, rest),
            _ => return pattern.is_empty() && text.is_empty(),
        }
    };
    match tail.first() {
        None => true,
        // Only there can what follows begin.
        Some(next) if *next != b'*' => memchr_iter(*next, text).any(|at| text.get(at..).is_some_and(|rest| bytes_match(tail, rest))),
        Some(_) => bytes_match(tail, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_with_any_text_for_a_star() {
        for (pattern, text, expected) in [
            ("o1", "o1", true),
            ("o1", "o1-mini", false),
            ("o1*", "o1-mini", true),
            ("*/o1*", "openai/o1", true),
            ("*/o1*", "o1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("*", "", true),
            ("a**b", "ab", true),
            ("*b", "abab", true),
            ("*é", "café", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}

//! Models by patterns of their names.

/// Whether a model's name matches one of the patterns and none of the exempt ones.
pub fn fits(names: &[String], except: &[String], model: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, model));
    any(names) && !any(except)
}

/// Whether `text` matches `pattern`, in which each `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    // Most patterns begin unlike the text.
    if pattern.as_bytes().first().is_some_and(|first| *first != b'*' && text.as_bytes().first() != Some(first)) {
        return false;
    }
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
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
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}

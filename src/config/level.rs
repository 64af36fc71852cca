//! What a log level may be: a word, or several with the modules they are for.

use super::suggest::nearest;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The first word of a filter (`info,llm_sidecar::proxy=debug`) that is no level, and a hint. `None` where all are.
///
/// Such a word would be taken for the name of a module, and nothing be logged.
pub fn wrong_level(filter: &str) -> Option<(&str, String)> {
    let words = filter.split(',').map(|part| part.rsplit('=').next().unwrap_or_default().trim());
    let wrong = words.into_iter().find(|word| !LEVELS.contains(&word.to_ascii_lowercase().as_str()))?;
    let hint = nearest(wrong, LEVELS)
        .map_or_else(|| "levels are error, warn, info, debug and trace".to_owned(), |near| format!("did you mean `{near}`?"));
    Some((wrong, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_is_no_level_is_named() {
        for right in ["info", "OFF", "info,llm_sidecar::proxy=debug", "llm_sidecar=trace"] {
            assert_eq!(wrong_level(right), None, "{right}");
        }
        assert_eq!(wrong_level("info,llm_sidecar=debgu"), Some(("debgu", "did you mean `debug`?".to_owned())));
        assert_eq!(wrong_level("").map(|(word, _)| word), Some(""));
    }
}

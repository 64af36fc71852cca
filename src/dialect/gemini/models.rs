//! What a model takes, told from its name.

/// How a model is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    Unsupported,
    /// By a budget from `least` to `most` tokens; only where `least` is 0 it can be turned off.
    Budget {
        least: u64,
        most: u64,
    },
    /// By a level; `minimal` says whether there is one below `LOW`.
    Level {
        minimal: bool,
    },
}

/// What differs between models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) thinking: Thinking,
    /// From version 3 on: calls have ids, and each step's first call has to bear its signature; a function's result may hold
    /// media, and structured output goes together with functions.
    pub(super) third: bool,
}

impl Rules {
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let version = name.strip_prefix("gemini-").and_then(|rest| rest.split('-').next()).unwrap_or_default();
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        let third = major.is_some_and(|major| major >= 3);
        let thinking = match version {
            _ if third => Thinking::Level { minimal: name.contains("flash") && !name.starts_with("gemini-3.7") },
            "2.5" if name.contains("pro") => Thinking::Budget { least: 128, most: 32_768 },
            "2.5" if name.contains("lite") => Thinking::Budget { least: 0, most: 24_576 },
            "1.0" | "1.5" | "2.0" => Thinking::Unsupported,
            _ if !name.starts_with("gemini") => Thinking::Unsupported,
            // 2.5 Flash, and names without a version, which stand for the latest.
            _ => Thinking::Budget { least: 0, most: 24_576 },
        };
        Self { thinking, third }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        let thinking = |model| Rules::of(model).thinking;
        assert_eq!(thinking("gemini-2.5-pro"), Thinking::Budget { least: 128, most: 32_768 });
        assert_eq!(thinking("models/gemini-2.5-flash"), Thinking::Budget { least: 0, most: 24_576 });
        assert_eq!(thinking("gemini-flash-latest"), Thinking::Budget { least: 0, most: 24_576 });
        assert_eq!(thinking("gemini-3-pro-preview"), Thinking::Level { minimal: false });
        assert_eq!(thinking("gemini-3.5-flash"), Thinking::Level { minimal: true });
        for old in ["gemini-2.0-flash", "gemma-3-27b-it"] {
            assert_eq!(thinking(old), Thinking::Unsupported, "{old}");
        }
        assert!(Rules::of("gemini-3.1-flash-lite").third && !Rules::of("gemini-2.5-pro").third);
    }
}

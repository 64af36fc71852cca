//! The classes of service that vendors bill apart.

use serde::Serialize;

/// What a vendor says it served an answer as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    #[default]
    Standard,
    Priority,
    Flex,
    Batch,
    Fast,
}

impl ServiceTier {
    pub const ALL: [Self; 5] = [Self::Standard, Self::Priority, Self::Flex, Self::Batch, Self::Fast];

    /// A vendor's own word; what is not known is billed as usual.
    pub fn of(word: &str) -> Self {
        match word {
            "priority" => Self::Priority,
            "flex" => Self::Flex,
            "batch" => Self::Batch,
            "fast" => Self::Fast,
            _ => Self::Standard,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Batch => "batch",
            Self::Fast => "fast",
        }
    }
}

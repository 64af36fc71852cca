//! The classes of service that vendors bill apart.

use serde::{Deserialize, Deserializer, Serialize};

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

    /// A vendor's own word, in whatever case; what is not known is billed as usual. Vertex's words for it are such as `ON_DEMAND_FLEX`.
    pub fn of(word: &str) -> Self {
        let word = word.strip_prefix("ON_DEMAND_").unwrap_or(word);
        Self::ALL.into_iter().find(|tier| tier.as_str().eq_ignore_ascii_case(word)).unwrap_or_default()
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

impl ServiceTier {
    /// The tier that a vendor's JSON names in its `service_tier`. Within a text that word would have its quotes escaped.
    pub fn in_json(json: &[u8]) -> Self {
        const KEY: &[u8] = b"\"service_tier\"";
        let Some(at) = memchr::memmem::rfind(json, KEY) else { return Self::Standard };
        let rest = json.get(at + KEY.len()..).unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or_default().trim_ascii_start().strip_prefix(b"\"").unwrap_or_default();
        let word = value.split(|byte| *byte == b'"').next().unwrap_or_default();
        std::str::from_utf8(word).map_or(Self::Standard, Self::of)
    }
}

impl<'de> Deserialize<'de> for ServiceTier {
    /// Whatever is no word that is known is the usual tier.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(value.as_str().map_or(Self::Standard, Self::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tier_is_found_where_it_is_told() {
        for (json, tier) in [
            (r#"{"id":"x","service_tier": "priority","usage":{}}"#, ServiceTier::Priority),
            (r#"{"content":"\"service_tier\":\"flex\"","usage":{}}"#, ServiceTier::Standard),
            (r#"{"service_tier":null}"#, ServiceTier::Standard),
            (r#"{"service_tier"#, ServiceTier::Standard),
            (r#"{"service_tier":"default"}"#, ServiceTier::Standard),
        ] {
            assert_eq!(ServiceTier::in_json(json.as_bytes()), tier, "{json}");
        }
        assert_eq!(
            serde_json::from_str::<Vec<ServiceTier>>(r#"["batch", 3, {}, "new"]"#).ok().map(|tiers| tiers[0]),
            Some(ServiceTier::Batch)
        );
    }
}

//! How a vendor deviates from its dialect: data, not code. A catalogue row or a provider's `quirks:` fills it.

use serde::Deserialize;

/// Deviations of one vendor. Empty means the vendor keeps to its dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {}
impl Quirks {
    pub fn overlay(&self, _v: &serde_json::Value) -> Result<Self, String> {
        Ok(self.clone())
    }
}

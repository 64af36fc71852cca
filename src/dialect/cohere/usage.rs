//! Token counts. Cohere's are numbers with a fraction, of which there are those of the model and those that are billed.

use serde::{Deserialize, Serialize};

use crate::chat::Usage;

/// A `usage` object, as it is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    billed_units: Option<Units>,
    tokens: Option<Units>,
    cached_tokens: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Units {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl WireUsage {
    /// The model's own counts, or the billed ones where those are missing; `None` where there are neither.
    pub(super) fn to_hub(&self) -> Option<Usage> {
        let told = |units: &Units| units.input_tokens.is_some() || units.output_tokens.is_some();
        let units = [&self.tokens, &self.billed_units].into_iter().flatten().find(|units| told(units))?;
        Some(Usage {
            prompt: units.input_tokens.map_or(0, rounded),
            completion: units.output_tokens.map_or(0, rounded),
            cached: self.cached_tokens.map(rounded),
            ..Usage::default()
        })
    }
}

/// The nearest count; what is no number or negative is 0.
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

/// A `usage` object, as it is written.
#[derive(Serialize)]
pub(super) struct ClientUsage {
    billed_units: Counts,
    tokens: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Serialize)]
struct Counts {
    input_tokens: u64,
    output_tokens: u64,
}

impl From<Usage> for ClientUsage {
    fn from(usage: Usage) -> Self {
        let counts = Counts { input_tokens: usage.prompt, output_tokens: usage.completion };
        Self { billed_units: counts, tokens: counts, cached_tokens: usage.cached }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Usage> {
        serde_json::from_str::<WireUsage>(text).unwrap().to_hub()
    }

    #[test]
    fn counts_are_rounded_and_billed_ones_are_the_last_resort() {
        let usage = |prompt, completion, cached| Some(Usage { prompt, completion, cached, ..Usage::default() });
        for (text, expected) in [
            (r#"{"tokens":{"input_tokens":496.0,"output_tokens":10.6},"billed_units":{"input_tokens":1}}"#, usage(496, 11, None)),
            (r#"{"billed_units":{"input_tokens":5.0,"output_tokens":2},"tokens":null,"cached_tokens":3.0}"#, usage(5, 2, Some(3))),
            (r#"{"tokens":{"output_tokens":-1.0}}"#, usage(0, 0, None)),
            ("{}", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let written = usage(9, 4, Some(2)).unwrap();
        assert_eq!(read(&serde_json::to_string(&ClientUsage::from(written)).unwrap()), Some(written));
    }
}

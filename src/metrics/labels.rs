//! The labels of a series.

use std::fmt::Write;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

/// Label pairs, written out once: a page has each of them many times, as often as a histogram has buckets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Labels {
    /// All pairs but the last, and the last one's name: `provider="a",model`.
    head: Box<str>,
    /// The last value, not yet escaped.
    last: Box<str>,
}

impl Labels {
    /// In this order.
    pub fn of<const N: usize>(pairs: [(&'static str, &str); N]) -> Self {
        let mut head = String::with_capacity(32 * N);
        let mut last = "";
        for (at, (name, value)) in pairs.into_iter().enumerate() {
            if at > 0 {
                head.push_str("=\"");
                escape(last, &mut head);
                head.push_str("\",");
            }
            head.push_str(name);
            last = value;
        }
        Self { head: head.into(), last: last.into() }
    }

    /// As they stand between a sample's braces.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.head.len() + self.last.len() + 3);
        if !self.head.is_empty() {
            text.push_str(&self.head);
            text.push_str("=\"");
            escape(&self.last, &mut text);
            text.push('"');
        }
        text
    }
}

/// As the text format has it in a value.
fn escape(value: &str, out: &mut String) {
    // Hardly any has something to escape.
    if !value.bytes().fold(false, |found, byte| found | matches!(byte, b'\\' | b'"' | b'\n')) {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut label = encoder.encode_label();
        let mut key = label.encode_label_key()?;
        key.write_str(&self.head)?;
        let mut value = key.encode_label_value()?;
        value.write_str(&self.last)?;
        value.finish()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn labels_are_written_in_order_and_escaped() {
        let family = Family::<Labels, Counter>::default();
        family.get_or_create(&Labels::of([("provider", "a\"b"), ("model", "m\\n\n"), ("status", "\"2\"")])).inc();
        let mut registry = Registry::default();
        registry.register("x", "X", family);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"x_total{provider="a\"b",model="m\\n\n",status="\"2\""} 1"#), "{text}");
    }
}

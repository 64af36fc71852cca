//! Reads samples out of OpenMetrics text.

use std::borrow::Cow;

/// One series and its value.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    pub value: f64,
}

impl Sample<'_> {
    /// The label's value; empty where there is none.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The values of these labels.
    pub(super) fn labels(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.label(name).to_owned()).collect()
    }
}

/// The samples of these names. Lines that are none are passed over.
pub(super) fn samples<'a>(text: &'a str, wanted: &[&str]) -> Vec<Sample<'a>> {
    // Samples of one name come together.
    let mut last = ("", false);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let name = line.get(..line.find(['{', ' '])?)?;
            if name != last.0 {
                last = (name, wanted.contains(&name));
            }
            last.1.then(|| sample(name, line.get(name.len()..)?)).flatten()
        })
        .collect()
}

fn sample<'a>(name: &'a str, mut rest: &'a str) -> Option<Sample<'a>> {
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let end = closing_quote(after)?;
            labels.push((label, plain(after.get(..end)?)));
            rest = after.get(end + 1..)?;
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = concat!(
            "# TYPE llm_a counter\nllm_a_total{x=\"q\\\"\\\\ }\\n\",y=\"\"} 3\nllm_b 2\nllm_c{le=\"+Inf\"} 1 # {trace_id=\"00\"} 0.5\n",
            "llm_d{broken 1\nllm_d\n# EOF\n"
        );
        let found = samples(text, &["llm_a_total", "llm_c", "llm_d"]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label("x"), found[0].label("y"), found[0].label("z"), found[0].value), ("q\"\\ }\n", "", "", 3.0));
        assert_eq!((found[1].labels(&["le"]), found[1].value), (vec!["+Inf".to_owned()], 1.0));
    }
}

//! Sources of an answer. Offsets on the wire count characters of one block, those of the hub characters of all the text.

use serde_json::{Value, json};

use crate::chat::Citation;

/// Where each block of text begins within all the text. The tool plan is one without an index.
#[derive(Debug, Default)]
pub(super) struct Places {
    length: u64,
    begins: Vec<(Option<u64>, u64)>,
}

impl Places {
    /// A piece of text of a block.
    pub(super) fn said(&mut self, block: Option<u64>, text: &str) {
        if !self.begins.iter().any(|(known, _)| *known == block) {
            self.begins.push((block, self.length));
        }
        self.length += text.chars().count() as u64;
    }

    /// Reads a citation of what was said.
    pub(super) fn read(&self, native: Value) -> Citation {
        let at = |key: &str| native.get(key).and_then(Value::as_u64);
        let is_of_plan = native.get("type").is_some_and(|kind| kind == "PLAN");
        let begin = match (at("content_index"), is_of_plan) {
            (_, true) => self.begins.iter().find(|(block, _)| block.is_none()),
            (Some(index), _) => self.begins.iter().find(|(block, _)| *block == Some(index)),
            (None, _) => self.begins.iter().find(|(block, _)| block.is_some()),
        };
        let begin = begin.map_or(0, |(_, begin)| *begin);
        let sources = native.get("sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |key: &str| {
            let of = |source: &Value| source.get("document").or_else(|| source.get("tool_output"))?.get(key)?.as_str().map(str::to_owned);
            sources.iter().find_map(of)
        };
        Citation {
            url: text("url"),
            title: text("title"),
            start: at("start").map(|start| start + begin),
            end: at("end").map(|end| end + begin),
            native: Some(native),
        }
    }
}

/// Writes a citation of `text`, which is a block at `content_index` or else the plan; another dialect's as one of a document.
pub(super) fn write(citation: &Citation, text: &str, content_index: Option<u32>) -> Value {
    if let Some(own) = citation.native.as_ref().filter(|native| native.get("sources").is_some_and(Value::is_array)) {
        return own.clone();
    }
    let count = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok());
    let cited: String = match (count(citation.start), count(citation.end)) {
        (Some(start), Some(end)) => text.chars().skip(start).take(end.saturating_sub(start)).collect(),
        _ => String::new(),
    };
    let document = json!({"url": citation.url, "title": citation.title});
    json!({
        "start": citation.start,
        "end": citation.end,
        "text": cited,
        "sources": [{"type": "document", "id": citation.url, "document": document}],
        "content_index": content_index,
        "type": if content_index.is_some() { "TEXT_CONTENT" } else { "PLAN" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_whole_text() {
        let mut places = Places::default();
        places.said(None, "é plan");
        places.said(Some(1), "It is");
        places.said(Some(1), " 20°");
        let source = json!([{"type": "tool", "id": "c:0", "tool_output": {"content": "x"}}, {"type": "document", "document": {"url": "https://a", "title": "A"}}]);
        let native = json!({"start": 6, "end": 9, "text": "20°", "sources": source, "content_index": 1, "type": "TEXT_CONTENT"});
        let citation = places.read(native.clone());
        assert_eq!((citation.start, citation.end), (Some(12), Some(15)));
        assert_eq!((citation.url.as_deref(), citation.title.as_deref()), (Some("https://a"), Some("A")));
        assert_eq!(write(&citation, "", Some(1)), native, "its own words");
        assert_eq!(places.read(json!({"start": 0, "end": 1, "type": "PLAN"})).start, Some(0));
        assert_eq!(places.read(json!({"start": 0, "end": 1})).start, Some(6), "the first text");
    }

    #[test]
    fn others_citations_name_a_document() {
        let citation =
            Citation { url: Some("https://a".into()), title: None, start: Some(1), end: Some(3), native: Some(json!({"type": "x"})) };
        let written = write(&citation, "é ü!", Some(0));
        assert_eq!((&written["text"], &written["sources"][0]["document"]["url"]), (&json!(" ü"), &json!("https://a")));
        let mut places = Places::default();
        places.said(Some(0), "é ü!");
        let read = places.read(written);
        assert_eq!((read.url, read.start, read.end), (citation.url, Some(1), Some(3)));
    }
}

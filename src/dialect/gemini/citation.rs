//! Sources of an answer: grounding by a search, and recitation. Offsets on the wire count bytes, those of the hub characters.

use serde::{Deserialize, Serialize};

use crate::chat::Citation;

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
pub(super) struct Grounding {
    grounding_chunks: Vec<Chunk>,
    grounding_supports: Vec<Support>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default, alias = "retrievedContext")]
    web: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Support {
    #[serde(default)]
    segment: Segment,
    #[serde(default)]
    grounding_chunk_indices: Vec<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Segment {
    start_index: usize,
    end_index: usize,
}

impl Grounding {
    /// A citation for each source of each supported segment; sources without one cite the whole answer.
    pub(super) fn read(&self, text: &str) -> Vec<Citation> {
        let source = |at: usize| self.grounding_chunks.get(at)?.web.as_ref();
        let cite = |source: &Source, range: Option<&Segment>| Citation {
            url: source.uri.clone(),
            title: source.title.clone(),
            start: range.map(|segment| characters(text, segment.start_index)),
            end: range.map(|segment| characters(text, segment.end_index)),
            native: None,
        };
        if self.grounding_supports.is_empty() {
            return (0..self.grounding_chunks.len()).filter_map(source).map(|source| cite(source, None)).collect();
        }
        let sources = |support: &Support| support.grounding_chunk_indices.iter().filter_map(|at| source(*at)).collect::<Vec<_>>();
        let cited = |support| sources(support).into_iter().map(|source| cite(source, Some(&support.segment))).collect::<Vec<_>>();
        self.grounding_supports.iter().flat_map(cited).collect()
    }
}

/// `citationMetadata`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(alias = "citations")]
    citation_sources: Vec<CitationSource>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct CitationSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl Metadata {
    pub(super) fn read(&self, text: &str) -> Vec<Citation> {
        let cite = |source: &CitationSource| Citation {
            url: source.uri.clone(),
            title: source.title.clone(),
            start: source.start_index.map(|at| characters(text, at)),
            end: source.end_index.map(|at| characters(text, at)),
            native: None,
        };
        self.citation_sources.iter().map(cite).collect()
    }

    /// What can be written of the hub's citations; `None` where there is none with an address.
    pub(super) fn of(citations: &[Citation], text: &str) -> Option<Self> {
        let write = |citation: &Citation| CitationSource {
            start_index: citation.start.map(|at| bytes(text, at)),
            end_index: citation.end.map(|at| bytes(text, at)),
            uri: citation.url.clone(),
            title: citation.title.clone(),
        };
        let citation_sources: Vec<_> = citations.iter().filter(|citation| citation.url.is_some()).map(write).collect();
        (!citation_sources.is_empty()).then_some(Self { citation_sources })
    }
}

/// The characters in the first `bytes` bytes.
fn characters(text: &str, bytes: usize) -> u64 {
    text.char_indices().take_while(|(at, _)| *at < bytes).count() as u64
}

/// The bytes of the first `characters` characters.
fn bytes(text: &str, characters: u64) -> usize {
    let at = usize::try_from(characters).unwrap_or(usize::MAX);
    text.char_indices().nth(at).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_recitations_cite_characters() {
        let grounding = r#"{"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"web":{"uri":"https://b"}}],
            "groundingSupports":[{"segment":{"startIndex":3,"endIndex":6,"text":"x"},"groundingChunkIndices":[0,1,9]}]}"#;
        let found = serde_json::from_str::<Grounding>(grounding).unwrap().read("é ü!");
        let range: Vec<_> = found.iter().map(|c| (c.url.as_deref(), c.start, c.end)).collect();
        assert_eq!(range, [(Some("https://a"), Some(2), Some(4)), (Some("https://b"), Some(2), Some(4))]);
        let without = serde_json::from_str::<Grounding>(r#"{"groundingChunks":[{"web":{"uri":"https://a"}}]}"#).unwrap();
        assert_eq!(without.read("x")[0].start, None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let citation = Citation { url: Some("https://a".into()), title: None, start: Some(1), end: Some(3), native: None };
        let wire = serde_json::to_string(&Metadata::of(std::slice::from_ref(&citation), "é ü!")).unwrap();
        assert!(wire.contains(r#""startIndex":2,"endIndex":5"#), "{wire}");
        assert_eq!(serde_json::from_str::<Metadata>(&wire).unwrap().read("é ü!"), [citation]);
    }
}

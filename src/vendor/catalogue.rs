//! The vendors the sidecar knows: the rows of `catalogue.yaml` and `compatible.yaml`, which are part of the program.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use super::{Family, Layout};
use crate::base::yaml;
use crate::chat::DialectId;
use crate::config::{Cloud, VendorFacts};
use crate::dialect::Quirks;
use crate::dialect::embeddings::EmbeddingsId;
use crate::dialect::rerank::RerankId;
use crate::price;

static ROWS: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the texts are part of the program, and a test reads them")]
    let read = |text| yaml::read::<Vec<Vendor>>(text).expect("a file of the catalogue");
    [include_str!("catalogue.yaml"), include_str!("compatible.yaml")].into_iter().flat_map(read).collect()
});

/// One row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    pub id: String,
    /// As people call it.
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(deserialize_with = "dialect_id")]
    pub dialect: DialectId,
    /// Other dialects it speaks, under the same base URL.
    #[serde(default, deserialize_with = "dialect_ids")]
    pub also: Vec<DialectId>,
    /// Models that speak another dialect.
    #[serde(default)]
    families: Vec<Family>,
    /// What the vendor's own SDK takes as base URL; `None` where every user has one of their own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The base URL of each region, where a provider may name one.
    #[serde(default)]
    pub regions: BTreeMap<String, String>,
    /// The rows that a provider's `api` chooses from.
    #[serde(default)]
    pub apis: BTreeMap<String, String>,
    /// Locations whose base URL has another form.
    #[serde(default)]
    locations: BTreeMap<String, String>,
    /// Environment variables that usually name the region, where the base URL holds `{region}`.
    #[serde(default)]
    pub region_env: Vec<String>,
    pub layout: Layout,
    pub auth: Auth,
    /// Whose identities it takes instead of a key.
    #[serde(default)]
    pub cloud: Option<Cloud>,
    /// `false` where a server may be open.
    #[serde(default = "yes")]
    pub needs_key: bool,
    /// The formats of its embeddings; see [`Self::embeddings`].
    #[serde(default)]
    embeddings: Option<Vec<EmbeddingsId>>,
    /// The formats it puts documents in order by; see [`Self::rerank`].
    #[serde(default)]
    rerank: Option<Vec<RerankId>>,
    /// Environment variables that usually hold the key, the likeliest first.
    pub env: Vec<String>,
    /// Keys that a provider of this vendor has to give.
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    version: Option<Version>,
    /// A client's headers that it must not get.
    #[serde(default)]
    pub refuses_headers: Vec<String>,
    /// What it offers, for people: no request is judged by it.
    pub can: Vec<Ability>,
    /// Where the built-in prices have its models.
    #[serde(default)]
    pub prices: Option<String>,
    /// The page that backs the row.
    pub docs: String,
    #[serde(default)]
    pub quirks: Quirks,
}

/// How a key is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer,
    /// The key alone in a header of this name.
    Header(String),
    None,
}

/// Something a vendor offers beside answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    Stream,
    Tools,
    Thinking,
    Embeddings,
}

impl Ability {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::Thinking => "thinking",
            Self::Embeddings => "embeddings",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    header: String,
    value: String,
}

impl Vendor {
    /// Whether it has OpenAI's API, of which more than chat can be passed on. Ollama and DashScope have it beside their own.
    pub fn is_openai(&self) -> bool {
        use DialectId::{DashScope, Ollama, OllamaGenerate, OpenAiChat, OpenAiCompletions, OpenAiResponses};
        matches!(self.dialect, OpenAiChat | OpenAiResponses | OpenAiCompletions | Ollama | OllamaGenerate | DashScope)
    }

    /// The formats it takes requests for embeddings in, the one to translate to first.
    pub fn embeddings(&self) -> &[EmbeddingsId] {
        match &self.embeddings {
            Some(formats) => formats,
            None if self.is_openai() => &[EmbeddingsId::Openai],
            None => &[],
        }
    }

    /// The formats it takes requests for reranking in, the one to translate to first.
    pub fn rerank(&self) -> &[RerankId] {
        match &self.rerank {
            Some(formats) => formats,
            None if self.is_openai() => &[RerankId::Jina],
            None => &[],
        }
    }

    /// The models that speak another dialect, where this is one of them.
    pub fn family(&self, model: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.has(model))
    }

    /// The header that pins the API's version.
    pub fn version_header(&self) -> Option<(&str, &str)> {
        self.version.as_ref().map(|version| (version.header.as_str(), version.value.as_str()))
    }
}

/// The vendor of an id or alias.
pub fn vendor(id: &str) -> Option<&'static Vendor> {
    ROWS.iter().find(|row| row.id == id).or_else(|| ROWS.iter().find(|row| row.aliases.iter().any(|alias| alias == id)))
}

/// All rows, in the catalogue's order.
pub fn rows() -> &'static [Vendor] {
    &ROWS
}

/// What the configuration's check needs to know of every vendor.
pub fn facts() -> Vec<VendorFacts> {
    let facts = |row: &Vendor| VendorFacts {
        id: row.id.clone(),
        aliases: row.aliases.clone(),
        env: row.env.clone(),
        default_base_url: row.base_url.clone(),
        regions: row.regions.clone(),
        apis: row.apis.clone(),
        locations: row.locations.clone(),
        cloud: row.cloud,
        region_env: row.region_env.clone(),
        needs_key: row.needs_key,
        required: row.needs.clone(),
        check_quirks: Some(check_quirks),
        knows_price: Some(knows_price),
    };
    ROWS.iter().map(facts).collect()
}

fn check_quirks(id: &str, own: &serde_json::Value) -> Result<(), String> {
    vendor(id).map_or(Ok(()), |row| row.quirks.overlay(own).map(|_| ()))
}

fn knows_price(id: &str, model: &str) -> bool {
    let section = vendor(id).and_then(|row| row.prices.as_deref());
    section.is_some_and(|section| price::catalogue_price(section, model).is_some())
}

fn yes() -> bool {
    true
}

pub(super) fn dialect_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DialectId, D::Error> {
    named(&String::deserialize(deserializer)?)
}

fn dialect_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DialectId>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|word| named(word)).collect()
}

fn named<E: Error>(word: &str) -> Result<DialectId, E> {
    DialectId::parse(word).ok_or_else(|| E::custom(format_args!("unknown dialect `{word}`")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_reads_and_every_name_is_taken_once() {
        let mut names = HashSet::new();
        for row in ROWS.iter() {
            for name in std::iter::once(&row.id).chain(&row.aliases) {
                assert!(names.insert(name), "{name} is taken twice");
                assert_eq!(vendor(name).map(|found| &found.id), Some(&row.id));
            }
            assert!(row.docs.starts_with("https://"), "{}", row.id);
            assert!(row.prices.as_deref().is_none_or(price::has_provider), "{}", row.id);
            let can = row.can.contains(&Ability::Embeddings);
            assert!(if can { !row.embeddings().is_empty() } else { row.embeddings.is_none() || row.embeddings().is_empty() }, "{}", row.id);
            assert_eq!(row.base_url.is_none(), row.needs.contains(&"base_url".to_owned()), "{}", row.id);
            let hosts = row.regions.values().chain(&row.base_url);
            assert!(hosts.clone().all(|url| url.starts_with("http") && !url.ends_with('/')), "{}", row.id);
            assert!(row.apis.values().all(|id| vendor(id).is_some_and(|other| other.apis == row.apis)), "{}", row.id);
        }
        assert_eq!(facts().len(), rows().len());
    }

    #[test]
    fn what_must_not_change_by_accident() {
        let openai = vendor("openai").unwrap();
        assert!(!openai.quirks.response.normalize, "OpenAI's own answers are relayed byte for byte");
        assert_eq!(vendor("azure").unwrap().auth, Auth::Header("api-key".into()));
        assert_eq!(vendor("anthropic").unwrap().version_header(), Some(("anthropic-version", "2023-06-01")));
        assert_eq!(vendor("dashscope").unwrap().id, "qwen");
        assert_eq!(vendor("qwen").unwrap().quirks.request.values["tool_choice"]["required"], serde_json::Value::Null);
        assert!(vendor("nobody").is_none());
        let check = facts()[0].check_quirks.unwrap();
        assert_eq!(check("openai", &serde_json::json!({"request": {"drop": ["n"]}})), Ok(()));
        assert!(check("openai", &serde_json::json!({"request": {"renam": {}}})).unwrap_err().contains("renam"));
    }

    #[test]
    fn openais_reasoning_models_are_not_sent_what_they_refuse() {
        for id in ["openai", "azure"] {
            let quirks = &vendor(id).unwrap().quirks;
            let has = |model, field: &str| {
                let mut said = quirks.request_for(model).flat_map(|request| request.drop.iter().chain(request.rename.keys()));
                said.any(|name| name == field)
            };
            for model in ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-5-2025-08-07"] {
                assert!(has(model, "temperature") && has(model, "max_tokens"), "{id} {model}");
            }
            // They take it where they do not reason, which only the request tells.
            assert!(!has("gpt-5.1", "temperature") && !has("gpt-5-chat-latest", "temperature") && has("gpt-5.1", "max_tokens"));
            assert!(!has("gpt-4o", "temperature") && !has("gpt-4o", "max_tokens") && has("gpt-4o", "reasoning_effort"));
        }
    }
}

//! Embeddings and rerank in every client's format before every vendor's: the whole binary between hand-written requests and the simulator,
//! whose vectors and scores depend on the texts alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use llm_sidecar::simulate::{Options, serve};
use serde_json::{Value, json};
use support::client::Answer;
use support::sidecar::Sidecar;

const KEY: &str = "vendor-key-0123456789";

/// The vendors' types, the path of the base URL that their own SDKs take, a model for embeddings, and whether tokens are told.
const VENDORS: [(&str, &str, &str, bool); 8] = [
    ("openai", "/v1", "m", true),
    ("gemini", "", "m", false),
    ("vertex", "", "m", true),
    ("bedrock", "", "amazon.titan-embed-text-v2:0", true),
    ("cohere", "", "m", true),
    ("ollama", "", "m", true),
    ("qwen", "/compatible-mode/v1", "m", true),
    ("qwen_native", "/api/v1", "m", true),
];

async fn start_with(more: &str) -> Sidecar {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Options { require_key: Some(KEY.to_owned()), ..Options::default() }));
    let provider = |(kind, path, ..): (&str, &str, &str, bool)| {
        format!(
            "  {kind}: {{type: {kind}, base_url: \"http://{at}{path}\", api_key: {KEY}, breaker: {{enabled: false}}, retry: {{attempts: 2}}}}\n"
        )
    };
    let providers: String = VENDORS.map(provider).concat();
    let anthropic = format!("  anthropic: {{type: anthropic, base_url: \"http://{at}\", api_key: {KEY}}}\n");
    // Nobody listens at this port.
    let dead = "  dead: {type: ollama, base_url: \"http://127.0.0.1:9\"}\n";
    Sidecar::start(&format!("providers:\n{providers}{anthropic}{dead}{more}")).await
}

/// A client of one format.
struct Format {
    name: &'static str,
    path: fn(&str) -> String,
    /// A request to this model for the vectors of these texts.
    body: fn(&str, &[&str], u64) -> Value,
    vectors: fn(&Value) -> Vec<Vec<f32>>,
    /// It takes more than one text.
    many: bool,
    /// It can say how long vectors are to be.
    dimensions: bool,
    tokens: Option<&'static str>,
}

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error} in {value}"))
}

fn unpacked(value: &Value) -> Vec<f32> {
    let bytes = STANDARD.decode(value.as_str().unwrap_or_else(|| panic!("no text: {value}"))).unwrap();
    bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn at_model(model: &str, method: &str) -> String {
    format!("/v1beta/models/{model}:{method}")
}

const FORMATS: [Format; 8] = [
    Format {
        name: "openai",
        path: |_| "/v1/embeddings".to_owned(),
        body: |model, texts, dimensions| json!({"model": model, "input": texts, "dimensions": dimensions}),
        vectors: |value| list(&value["data"]).iter().map(|item| floats(&item["embedding"])).collect(),
        many: true,
        dimensions: true,
        tokens: Some("/usage/prompt_tokens"),
    },
    Format {
        name: "openai, base64",
        path: |_| "/v1/embeddings".to_owned(),
        body: |model, texts, dimensions| json!({"model": model, "input": texts, "dimensions": dimensions, "encoding_format": "base64"}),
        vectors: |value| list(&value["data"]).iter().map(|item| unpacked(&item["embedding"])).collect(),
        many: true,
        dimensions: true,
        tokens: Some("/usage/total_tokens"),
    },
    Format {
        name: "gemini",
        path: |model| at_model(model, "embedContent"),
        body: |_, texts, dimensions| json!({"content": {"parts": [{"text": texts[0]}]}, "outputDimensionality": dimensions}),
        vectors: |value| vec![floats(&value["embedding"]["values"])],
        many: false,
        dimensions: true,
        tokens: None,
    },
    Format {
        name: "gemini, batch",
        path: |model| at_model(model, "batchEmbedContents"),
        body: |model, texts, dimensions| {
            let one = |text| json!({"model": format!("models/{model}"), "content": {"parts": [{"text": text}]}, "outputDimensionality": dimensions});
            json!({"requests": texts.iter().map(one).collect::<Value>()})
        },
        vectors: |value| list(&value["embeddings"]).iter().map(|item| floats(&item["values"])).collect(),
        many: true,
        dimensions: true,
        tokens: None,
    },
    Format {
        name: "cohere",
        path: |_| "/v2/embed".to_owned(),
        body: |model, texts, dimensions| json!({"model": model, "texts": texts, "output_dimension": dimensions, "input_type": "search_query", "embedding_types": ["float"]}),
        vectors: |value| list(&value["embeddings"]["float"]).iter().map(floats).collect(),
        many: true,
        dimensions: true,
        tokens: Some("/meta/billed_units/input_tokens"),
    },
    Format {
        name: "ollama",
        path: |_| "/api/embed".to_owned(),
        body: |model, texts, dimensions| json!({"model": model, "input": texts, "dimensions": dimensions}),
        vectors: |value| list(&value["embeddings"]).iter().map(floats).collect(),
        many: true,
        dimensions: true,
        tokens: Some("/prompt_eval_count"),
    },
    Format {
        name: "ollama, prompt",
        path: |_| "/api/embeddings".to_owned(),
        body: |model, texts, _| json!({"model": model, "prompt": texts[0]}),
        vectors: |value| vec![floats(&value["embedding"])],
        many: false,
        dimensions: false,
        tokens: None,
    },
    Format {
        name: "dashscope",
        path: |_| "/api/v1/services/embeddings/text-embedding/text-embedding".to_owned(),
        body: |model, texts, dimensions| json!({"model": model, "input": {"texts": texts}, "parameters": {"dimension": dimensions}}),
        vectors: |value| list(&value["output"]["embeddings"]).iter().map(|item| floats(&item["embedding"])).collect(),
        many: true,
        dimensions: true,
        tokens: Some("/usage/total_tokens"),
    },
];

impl Format {
    async fn ask(&self, sidecar: &Sidecar, model: &str, texts: &[&str], dimensions: u64) -> Answer {
        sidecar.post(&(self.path)(model), &(self.body)(model, texts, dimensions)).await
    }
}

#[tokio::test]
async fn every_client_gets_every_vendors_vectors() {
    let sidecar = start_with("").await;
    let texts = ["Grüße 😀", "two", ""];
    for (vendor, _, name, tells) in VENDORS {
        let model = format!("{vendor}/{name}");
        for client in FORMATS {
            let about = format!("{} before {vendor}", client.name);
            let texts = if client.many { &texts[..] } else { &texts[..1] };
            let dimensions = if client.dimensions { 16 } else { 256 };
            let reference = FORMATS[0].ask(&sidecar, "openai/m", texts, dimensions).await.json();
            let answer = client.ask(&sidecar, &model, texts, dimensions).await;
            assert_eq!(answer.status(), 200, "{about}: {}", answer.text());
            assert_eq!((client.vectors)(&answer.json()), (FORMATS[0].vectors)(&reference), "{about}: {}", answer.text());
            assert_eq!(answer.head.header("x-llm-provider"), Some(vendor), "{about}");
            if let Some(tokens) = client.tokens {
                assert!(
                    answer.json().pointer(tokens).and_then(Value::as_u64).is_some_and(|tokens| tokens > 0),
                    "{about}: {}",
                    answer.text()
                );
                assert_eq!(answer.head.header("x-llm-estimated"), (!tells).then_some("input_tokens"), "{about}");
            }
        }
    }
}

/// One vendor may have models of several formats, and of none.
#[tokio::test]
async fn a_vendors_format_can_depend_on_the_model() {
    let sidecar = start_with("").await;
    let ask = |model: &str| json!({"model": format!("bedrock/{model}"), "input": ["one", "two"]});
    let titan = sidecar.post("/v1/embeddings", &ask("amazon.titan-embed-text-v2:0")).await;
    let cohere = sidecar.post("/v1/embeddings", &ask("eu.cohere.embed-v4:0")).await;
    assert_eq!((titan.status(), titan.head.header("x-llm-estimated")), (200, None), "{}", titan.text());
    assert_eq!((cohere.status(), cohere.head.header("x-llm-estimated")), (200, Some("input_tokens")), "{}", cohere.text());
    assert_eq!(titan.json()["data"], cohere.json()["data"]);
    let none = sidecar.post("/v1/embeddings", &ask("anthropic.claude-x")).await;
    none.assert_error(404, "invalid_request_error", "unsupported_endpoint");
}

#[tokio::test]
async fn what_a_vendor_cannot_say_is_named_or_refused() {
    let sidecar = start_with("").await;
    let body = json!({"model": "openai/m", "texts": ["x"], "input_type": "search_query", "truncate": "END"});
    let answer = sidecar.post("/v2/embed", &body).await;
    assert_eq!((answer.status(), answer.head.header("x-llm-dropped")), (200, Some("input_type, truncate")), "{}", answer.text());
    let body = json!({"model": "gemini/m", "input": "x", "user": "u", "input_type": "query"});
    let answer = sidecar.post("/v1/embeddings", &body).await;
    assert_eq!((answer.status(), answer.head.header("x-llm-dropped")), (200, Some("user")), "{}", answer.text());
    for (body, param) in [(json!({"model": "gemini/m", "input": [1, 2]}), "input"), (json!({"model": "ollama/m", "input": []}), "input")] {
        let answer = sidecar.post("/v1/embeddings", &body).await;
        assert_eq!((answer.status(), &answer.json()["error"]["param"]), (400, &json!(param)), "{}", answer.text());
    }
    let strict = start_with("translation: {unsupported: reject}\n").await;
    let answer = strict.post("/v1/embeddings", &json!({"model": "ollama/m", "input": "x", "user": "u"})).await;
    answer.assert_error(400, "invalid_request_error", "unsupported_parameter");
}

#[tokio::test]
async fn failures_are_told_in_the_clients_words_and_counted() {
    let sidecar = start_with("").await;
    for (vendor, _, name, _) in VENDORS {
        let model = format!("{vendor}/{name}");
        for client in FORMATS {
            let about = format!("{} before {vendor}", client.name);
            let refused = client.ask(&sidecar, &model, &["[sim status=400]"], 8).await;
            assert_eq!(refused.status(), 400, "{about}: {}", refused.text());
            assert!(refused.text().contains("simulated error"), "{about}: {}", refused.text());
            for fault in ["cut", "garbage", "truncated-json", "error-event", "html"] {
                let broken = client.ask(&sidecar, &model, &[&format!("[sim fault={fault}]")], 8).await;
                assert!(broken.status() >= 500, "{about}, {fault}: {} {}", broken.status(), broken.text());
            }
        }
    }
    sidecar.post("/v1/embeddings", &json!({"model": "anthropic/m", "input": "x"})).await.assert_error(
        404,
        "invalid_request_error",
        "unsupported_endpoint",
    );
    let answer = sidecar.post("/v1/embeddings", &json!({"model": "gemini/m", "input": "x"})).await;
    let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["endpoint"], &line["provider"], &line["status"]), (&json!("embeddings"), &json!("gemini"), &json!(200)), "{line}");
}

/// Vectors of two models cannot be compared: an alias never mixes them, whatever its strategy and its fallbacks.
#[tokio::test]
async fn an_alias_gives_vectors_of_one_model() {
    let models = "models:\n  mixed: {strategy: round_robin, targets: [{provider: gemini, model: a}, {provider: ollama, model: b}]}\n  same: {targets: [{provider: dead, model: nomic-embed}, {provider: openai, model: org/nomic-embed}]}\n  other: {targets: [{provider: dead, model: a}], fallback: [{provider: ollama, model: b}]}\n  late: {targets: [{provider: anthropic, model: c}, {provider: gemini, model: a}]}\n";
    let sidecar = start_with(models).await;
    let ask = |model: &str, text: &str| json!({"model": model, "input": text});
    for _ in 0..4 {
        let answer = sidecar.post("/v1/embeddings", &ask("mixed", "x")).await;
        assert_eq!(answer.head.header("x-llm-model"), Some("a"), "{}", answer.text());
    }
    let answer = sidecar.post("/v1/embeddings", &ask("other", "x")).await;
    answer.assert_error(502, "upstream_error", "upstream_connect_failed");
    let answer = sidecar.post("/v1/embeddings", &ask("same", "x")).await;
    assert_eq!((answer.status(), answer.head.header("x-llm-provider")), (200, Some("openai")), "{}", answer.text());
    let answer = sidecar.post("/v1/embeddings", &ask("late", "x")).await;
    assert_eq!(answer.head.header("x-llm-provider"), Some("gemini"), "{}", answer.text());
}

/// A request in one format for documents in order, and the indexes of an answer.
type Ranking = (&'static str, fn(&str, &[&str]) -> Value, &'static str);

const RANKINGS: [Ranking; 3] = [
    ("/v1/rerank", |model, documents| json!({"model": model, "query": "green tea", "documents": documents, "top_n": 2}), "/results"),
    ("/v2/rerank", |model, documents| json!({"model": model, "query": "green tea", "documents": documents, "top_n": 2}), "/results"),
    (
        "/api/v1/services/rerank/text-rerank/text-rerank",
        |model, documents| {
            let parameters = json!({"top_n": 2, "return_documents": true});
            json!({"model": model, "input": {"query": "green tea", "documents": documents}, "parameters": parameters})
        },
        "/output/results",
    ),
];

#[tokio::test]
async fn documents_are_put_in_order_in_every_format() {
    let sidecar = start_with("").await;
    for model in ["openai/m", "bedrock/cohere.rerank-v3-5:0", "cohere/m", "qwen/m", "qwen_native/m"] {
        for (path, body, results) in RANKINGS {
            let about = format!("{path} before {model}");
            let answer = sidecar.post(path, &body(model, &["black coffee", "green tea", "green leaves"])).await;
            assert_eq!(answer.status(), 200, "{about}: {}", answer.text());
            let value = answer.json();
            let results = list(value.pointer(results).unwrap());
            let order: Vec<u64> = results.iter().map(|one| one["index"].as_u64().unwrap()).collect();
            assert_eq!(order, [1, 2], "{about}: {}", answer.text());
            assert!(results[0]["relevance_score"].as_f64().unwrap() > 0.8, "{about}: {}", answer.text());
            let document = (path != "/v2/rerank").then_some("green tea");
            assert_eq!(results[0]["document"]["text"].as_str(), document, "{about}: {}", answer.text());
            let empty = sidecar.post(path, &body(model, &[])).await;
            assert_eq!(empty.status(), 400, "{about}: {}", empty.text());
        }
    }
    for (path, body, _) in RANKINGS {
        for vendor in ["anthropic", "gemini", "ollama"] {
            let nowhere = sidecar.post(path, &body(&format!("{vendor}/m"), &["x"])).await;
            assert_eq!(nowhere.status(), 404, "{path} before {vendor}: {}", nowhere.text());
            assert!(nowhere.text().contains("does not have this endpoint"), "{path} before {vendor}: {}", nowhere.text());
        }
    }
}

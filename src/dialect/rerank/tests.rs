//! Every format over the hub: what is written is read again, and what cannot be written is named.

use proptest::prelude::*;

use super::*;
use crate::base::raw::to_raw;
use crate::dialect::Quirks;

const ALL: [RerankId; 4] = [RerankId::Jina, RerankId::Cohere, RerankId::Bedrock, RerankId::Dashscope];

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

fn to(model: &str) -> To<'_> {
    To { model, quirks: &NO_QUIRKS, want_usage: false }
}

fn request() -> impl Strategy<Value = Request> {
    ("\\PC{0,9}", prop::collection::vec("\\PC{0,9}", 1..5), prop::option::of(1_u64..9)).prop_map(|(query, documents, top_n)| Request {
        query,
        documents,
        top_n,
        ..Request::default()
    })
}

proptest! {
    #[test]
    fn any_request_survives_the_wire(request in request()) {
        for id in ALL {
            let read = rerank(id).read_request(&rerank(id).write_request(&request, &to("m"))).unwrap();
            // The vendor need not repeat the documents, which the client's answer gets from the request.
            prop_assert_eq!(&Request { return_documents: None, ..read }, &request, "{:?}", id);
        }
    }

    #[test]
    fn any_answer_survives_the_wire(request in request(), scores in prop::collection::vec(0.0_f64..1.0, 1..5), tokens in 0_u64..99) {
        for id in ALL {
            let format = rerank(id);
            let best = scores.iter().take(request.documents.len()).enumerate();
            let results: Vec<Ranked> = best.map(|(index, score)| Ranked { index, score: to_raw(score) }).collect();
            let answer = Answer { results, tokens: Some(tokens) };
            for return_documents in [None, Some(true), Some(false)] {
                let request = Request { return_documents, ..request.clone() };
                let read = format.read_answer(&format.write_answer(&answer, &Reply { model: "m", request: &request })).unwrap();
                let plain = |answer: &Answer| answer.results.iter().map(|one| (one.index, one.score.get().to_owned())).collect::<Vec<_>>();
                prop_assert_eq!(plain(&read), plain(&answer), "{:?}", id);
                prop_assert_eq!(read.tokens, format.tells_tokens().then_some(tokens));
            }
        }
    }
}

#[test]
fn cut_and_foreign_answers_are_errors_in_every_format() {
    let request = Request { documents: vec!["a".into()], ..Request::default() };
    let answer = Answer { results: vec![Ranked { index: 0, score: to_raw(&0.5) }], tokens: Some(1) };
    for id in ALL {
        let body = rerank(id).write_answer(&answer, &Reply { model: "m", request: &request });
        for end in 0..body.len() {
            assert!(rerank(id).read_answer(&body[..end]).is_err(), "{id:?} {end}");
        }
        for body in [r#"{"error":{"message":"boom","code":503}}"#, "{}", "<html>", r#"{"message":"boom"}"#, r#"{"results":[{"index":0}]}"#]
        {
            assert!(rerank(id).read_answer(body.as_bytes()).unwrap_err().status >= 500, "{id:?} {body}");
        }
    }
}

fn ask_for(client: RerankId, vendor: RerankId, body: &str, model: &str) -> Asking {
    ask(client, &[vendor], &Bytes::copy_from_slice(body.as_bytes()), &to(model)).unwrap()
}

#[test]
fn documents_come_back_from_the_request_and_tokens_are_estimated() {
    let body = r#"{"model":"a","query":"four","documents":["x",{"text":"eighteen"}],"top_n":1,"return_documents":true,"max_chunks":3}"#;
    let asking = ask_for(RerankId::Jina, RerankId::Bedrock, body, "cohere.rerank-v3-5:0");
    assert_eq!(asking.calls[0].path, "/model/cohere.rerank-v3-5%3A0/invoke");
    assert_eq!(asking.calls[0].body, r#"{"query":"four","documents":["x","eighteen"],"top_n":1,"api_version":2}"#);
    assert_eq!(asking.dropped.iter().collect::<Vec<_>>(), ["max_chunks"]);
    let answered = (asking.answer)(vec![r#"{"results":[{"index":1,"relevance_score":0.12345678901234567}]}"#.into()]).unwrap();
    let expected = r#"{"model":"cohere.rerank-v3-5:0","usage":{"total_tokens":4},"results":[{"index":1,"relevance_score":0.12345678901234567,"document":{"text":"eighteen"}}]}"#;
    assert_eq!(answered.body, expected);
    assert!(answered.is_estimated && answered.usage.is_none());
}

#[test]
fn a_result_for_no_document_is_an_error() {
    let asking = ask_for(RerankId::Cohere, RerankId::Jina, r#"{"model":"a","query":"q","documents":["x"]}"#, "m");
    let answered = (asking.answer)(vec![r#"{"results":[{"index":1,"relevance_score":0.5}]}"#.into()]);
    assert_eq!(answered.unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
}

#[test]
fn the_same_format_is_relayed_with_the_models_name() {
    let body = r#"{"model":"a","query":"q","documents":[{"title":"t"}],"rank_fields":["title"]}"#;
    let asking = ask_for(RerankId::Jina, RerankId::Jina, body, "m");
    assert_eq!(asking.calls[0].body, body.replace("\"a\"", "\"m\""));
    let vendor = r#"{"results":[{"index":0,"relevance_score":1,"more":true}],"usage":{"total_tokens":7}}"#;
    let answered = (asking.answer)(vec![vendor.into()]).unwrap();
    assert_eq!((answered.body, answered.usage.unwrap().prompt), (vendor.into(), 7));
}

#[test]
fn broken_requests_are_refused() {
    for (body, code, param) in [
        (r#"{"documents":["x"]}"#, "missing_required_parameter", "query"),
        (r#"{"query":"q"}"#, "missing_required_parameter", "documents"),
        (r#"{"query":"q","documents":[]}"#, "invalid_value", "documents"),
        (r#"{"query":"q","documents":[7]}"#, "invalid_type", "documents"),
        (r#"{"query":"q","documents":["x"],"top_n":"y"}"#, "invalid_type", "top_n"),
    ] {
        let error = rerank(RerankId::Jina).read_request(body.as_bytes()).unwrap_err();
        assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), Some(param)), "{body}");
    }
}

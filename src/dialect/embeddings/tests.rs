//! Every format over the hub: what is written is read again, and what cannot be written is named.

use proptest::prelude::*;

use super::*;
use crate::base::raw::to_raw;
use crate::dialect::Quirks;

const ALL: [EmbeddingsId; 10] = [
    EmbeddingsId::Openai,
    EmbeddingsId::Gemini,
    EmbeddingsId::GeminiBatch,
    EmbeddingsId::VertexPredict,
    EmbeddingsId::Cohere,
    EmbeddingsId::Ollama,
    EmbeddingsId::OllamaPrompt,
    EmbeddingsId::Dashscope,
    EmbeddingsId::BedrockTitan,
    EmbeddingsId::BedrockCohere,
];

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

fn to(model: &str) -> To<'_> {
    To { model, quirks: &NO_QUIRKS, want_usage: false }
}

fn task() -> impl Strategy<Value = Option<Task>> {
    prop::option::of(prop::sample::select(gemini::TASKS.map(|(task, _)| task).to_vec()))
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let image = Just(Part::Image("data:image/png;base64,iVBO".to_owned()));
    let parts = (image, "\\PC{1,9}").prop_map(|(image, text)| Input::Parts(vec![Part::Text(text), image]));
    let picture = Just(Input::Parts(vec![Part::Image("data:image/png;base64,AAAA".to_owned())]));
    let tokens = prop::collection::vec(0_u64..99, 1..4).prop_map(Input::Tokens);
    prop::collection::vec(prop_oneof![6 => "\\PC{0,12}".prop_map(Input::Text), 1 => parts, 1 => picture, 1 => tokens], 1..4)
}

fn request() -> impl Strategy<Value = Request> {
    let truncate = prop::option::of(prop::sample::select(vec![Truncate::Never, Truncate::Start, Truncate::End]));
    let title = prop::option::of("\\PC{1,8}");
    (inputs(), prop::option::of(1_u64..4000), task(), title, truncate).prop_map(|(inputs, dimensions, task, title, truncate)| Request {
        inputs,
        dimensions,
        task,
        title,
        truncate,
        ..Request::default()
    })
}

/// What a vendor of the format understands of the request, if it takes its inputs.
fn expected(request: &Request, dropped: &Dropped, read: &Request) -> Request {
    let mut expected = request.clone();
    for field in dropped.iter() {
        match field {
            "dimensions" => expected.dimensions = None,
            // Something near may stand for it.
            "input_type" => expected.task = read.task,
            "title" => expected.title = None,
            "truncate" => expected.truncate = None,
            other => panic!("{other} was not there"),
        }
    }
    // What the vendor does unasked is not written.
    if read.truncate.is_none() {
        expected.truncate = None;
    }
    if expected.task.is_none() {
        expected.task = read.task;
    }
    expected
}

proptest! {
    /// A request that is written and read again is the same, but for what is said to be dropped.
    #[test]
    fn any_request_survives_the_wire(request in request()) {
        for id in ALL {
            let format = embeddings(id);
            for inputs in request.inputs.chunks(format.most(&request, "m").max(1)) {
                let part = request.with(inputs);
                let mut dropped = Dropped::default();
                match format.write_request(&part, &to("m"), &mut dropped) {
                    Ok(body) => {
                        let read = format.read_request(&body).unwrap();
                        prop_assert_eq!(&read, &expected(&part, &dropped, &read), "{:?}", id);
                    }
                    // A refusal is for what the format has no words for at all.
                    Err(error) => {
                        prop_assert_eq!(error.param.as_deref(), Some("input"), "{:?}", id);
                        prop_assert!(part.inputs.iter().any(|input| !matches!(input, Input::Text(_))));
                    }
                }
            }
        }
    }

    /// An answer that is written and read again is the same to the last digit.
    #[test]
    fn any_answer_survives_the_wire(numbers in prop::collection::vec(prop::collection::vec(-1.0_f64..1.0, 1..5), 1..4), tokens in 0_u64..999) {
        for id in ALL {
            let format = embeddings(id);
            let request = Request { inputs: vec![Input::Text("x".into()); numbers.len()], ..Request::default() };
            let most = format.most(&request, "m").min(numbers.len());
            let vectors = numbers.iter().take(most).map(|numbers| Vector::Numbers(to_raw(numbers))).collect::<Vec<_>>();
            for encoding in [Encoding::Numbers, Encoding::Base64] {
                let request = Request { encoding, ..request.clone() };
                let answer = Answer { vectors: vectors.clone(), tokens: Some(tokens) };
                let body = format.write_answer(&answer, &Reply { model: "m", request: &request }).unwrap();
                let read = format.read_answer(&body).unwrap();
                prop_assert_eq!(&read.vectors, &vectors, "{:?}", id);
                if encoding == Encoding::Numbers {
                    for (one, two) in read.vectors.iter().zip(&vectors) {
                        let texts = (one.numbers().unwrap(), two.numbers().unwrap());
                        prop_assert_eq!(texts.0.get(), texts.1.get());
                    }
                }
                prop_assert_eq!(read.tokens, if read.tokens.is_some() || format.tells_tokens() { Some(tokens) } else { None }, "{:?}", id);
                let (same, told) = format.edit_answer(body.clone().into(), &Bytes::from_static(b"{}")).unwrap();
                prop_assert_eq!(told, read.tokens);
                prop_assert!(encoding == Encoding::Base64 || same == body, "{:?}", id);
            }
        }
    }
}

#[test]
fn cut_and_foreign_answers_are_errors_in_every_format() {
    let request = Request { inputs: vec![Input::Text("x".into())], ..Request::default() };
    let answer = Answer { vectors: vec![Vector::Numbers(to_raw(&[0.5]))], tokens: Some(1) };
    for id in ALL {
        let format = embeddings(id);
        let body = format.write_answer(&answer, &Reply { model: "m", request: &request }).unwrap();
        for end in 0..body.len() {
            assert!(format.read_answer(&body[..end]).is_err(), "{id:?} {end}");
            assert!(format.edit_answer(Bytes::copy_from_slice(&body[..end]), &Bytes::new()).is_err(), "{id:?} {end}");
        }
        for body in [r#"{"error":{"message":"boom","code":503}}"#, "{}", "[]", "<html>", r#"{"message":"boom"}"#] {
            assert!(format.read_answer(body.as_bytes()).unwrap_err().status >= 500, "{id:?} {body}");
            assert!(format.edit_answer(body.into(), &Bytes::new()).is_err(), "{id:?} {body}");
        }
    }
}

fn ask_for(client: EmbeddingsId, vendor: EmbeddingsId, body: &str, model: &str) -> Asking {
    ask(client, &[vendor], &Bytes::copy_from_slice(body.as_bytes()), &to(model)).unwrap()
}

#[test]
fn a_vendor_of_few_inputs_is_asked_several_times_and_answers_as_one() {
    let asking = ask_for(
        EmbeddingsId::Openai,
        EmbeddingsId::BedrockTitan,
        r#"{"model":"a","input":["x","y"],"user":"u"}"#,
        "amazon.titan-embed-text-v2:0",
    );
    let sent: Vec<(&str, &[u8])> = asking.calls.iter().map(|sent| (&*sent.path, &*sent.body)).collect();
    let path = "/model/amazon.titan-embed-text-v2%3A0/invoke";
    assert_eq!(sent, [(path, &br#"{"inputText":"x"}"#[..]), (path, br#"{"inputText":"y"}"#)]);
    assert_eq!(asking.dropped.iter().collect::<Vec<_>>(), ["user"]);
    let bodies = [r#"{"embedding":[1.5],"inputTextTokenCount":2}"#, r#"{"embedding":[2.5],"inputTextTokenCount":3}"#];
    let answered = (asking.answer)(bodies.map(Bytes::from).to_vec()).unwrap();
    let expected = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.5]},{"object":"embedding","index":1,"embedding":[2.5]}],"model":"amazon.titan-embed-text-v2:0","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
    assert_eq!(answered.body, expected);
    assert_eq!((answered.usage.unwrap().prompt, answered.is_estimated), (5, false));
}

#[test]
fn tokens_that_nobody_counted_are_estimated_for_clients_that_are_told_them() {
    let body = Bytes::from_static(br#"{"embeddings":[{"values":[1]}]}"#);
    let asking = ask_for(EmbeddingsId::Openai, EmbeddingsId::GeminiBatch, r#"{"model":"a","input":"four and four"}"#, "m");
    assert_eq!(asking.calls[0].path, "/models/m:batchEmbedContents");
    let answered = (asking.answer)(vec![body.clone()]).unwrap();
    assert!(answered.is_estimated && answered.usage.is_none());
    assert!(answered.body.ends_with(br#""usage":{"prompt_tokens":4,"total_tokens":4}}"#), "{:?}", answered.body);
    let asking = ask_for(EmbeddingsId::OllamaPrompt, EmbeddingsId::GeminiBatch, r#"{"model":"a","prompt":"x"}"#, "m");
    let answered = (asking.answer)(vec![body]).unwrap();
    assert_eq!((answered.body, answered.is_estimated), (Bytes::from_static(br#"{"embedding":[1]}"#), false));
}

#[test]
fn as_many_vectors_come_as_there_were_inputs() {
    for embeddings in ["[]", "[[1]]", "[[1],[2],[3]]"] {
        let asking = ask_for(EmbeddingsId::Openai, EmbeddingsId::Ollama, r#"{"model":"a","input":["x","y"]}"#, "m");
        let body = format!(r#"{{"embeddings":{embeddings}}}"#);
        assert_eq!((asking.answer)(vec![body.into()]).unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
    }
}

#[test]
fn the_same_format_is_relayed_with_the_models_name() {
    for (id, body, sent) in [
        (EmbeddingsId::Openai, r#"{"model":"a","input":"x","user":"u"}"#, r#"{"model":"m","input":"x","user":"u"}"#),
        (
            EmbeddingsId::Cohere,
            r#"{"model":"a","texts":["x"],"embedding_types":["int8"]}"#,
            r#"{"model":"m","texts":["x"],"embedding_types":["int8"]}"#,
        ),
        (EmbeddingsId::Gemini, r#"{"model":"models/a","content":{}}"#, r#"{"model":"models/m","content":{}}"#),
        (EmbeddingsId::Gemini, r#"{"content":{}}"#, r#"{"content":{}}"#),
        (
            EmbeddingsId::GeminiBatch,
            r#"{"requests":[{"model":"models/a","content":{}}]}"#,
            r#"{"requests":[{"model":"models/m","content":{}}]}"#,
        ),
        (EmbeddingsId::BedrockTitan, r#"{"inputText":"x","normalize":true}"#, r#"{"inputText":"x","normalize":true}"#),
    ] {
        let asking = ask_for(id, id, body, "m");
        assert_eq!(asking.calls[0].body, sent);
        assert!(asking.dropped.is_empty());
    }
}

#[test]
fn a_vendors_own_word_for_the_length_is_used() {
    let mut quirks = Quirks::default();
    quirks.request.rename.insert("dimensions".into(), "output_dimension".into());
    let to = To { quirks: &quirks, ..to("m") };
    for (client, body) in [
        (EmbeddingsId::Openai, r#"{"model":"m","input":["x"],"dimensions":8}"#),
        (EmbeddingsId::Ollama, r#"{"model":"a","input":["x"],"dimensions":8}"#),
    ] {
        let asking = ask(client, &[EmbeddingsId::Openai], &Bytes::from_static(body.as_bytes()), &to).unwrap();
        assert_eq!(asking.calls[0].body, r#"{"model":"m","input":["x"],"output_dimension":8}"#);
    }
}

#[test]
fn base64_is_not_asked_of_a_vendor_that_has_none() {
    let mut quirks = Quirks::default();
    quirks.request.no_base64_vectors = true;
    let to = To { quirks: &quirks, ..to("m") };
    let body = Bytes::from_static(br#"{"model":"m","input":"x","encoding_format":"base64"}"#);
    let asking = ask(EmbeddingsId::Openai, &[EmbeddingsId::Openai], &body, &to).unwrap();
    assert_eq!(asking.calls[0].body, r#"{"model":"m","input":"x","encoding_format":"float"}"#);
    let answered = (asking.answer)(vec![Bytes::from_static(br#"{"data":[{"embedding":[1.0]}]}"#)]).unwrap();
    assert_eq!(answered.body, r#"{"data":[{"embedding":"AACAPw=="}]}"#);
}

use serde_json::{Value, json};

use super::NO_QUIRKS;
use crate::base::raw::to_raw;
use crate::chat::{
    ApiError, DialectId, Effort, Media, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, Sampling, Tool, ToolChoice,
    ToolKind,
};
use crate::dialect::gemini::Gemini;
use crate::dialect::{Dialect, To, proof};

fn say(role: Role, text: &str) -> Message {
    Message { role, name: None, parts: vec![Part::from(PartKind::Text(text.into()))] }
}
fn parts(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() }
}
fn call(id: &str, name: &str, arguments: &str) -> PartKind {
    PartKind::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false }
}
fn result(id: &str, text: &str) -> PartKind {
    PartKind::ToolResult { id: id.into(), name: None, parts: vec![PartKind::Text(text.into()).into()], is_error: false }
}
fn function(name: &str, parameters: Option<Value>, strict: Option<bool>) -> Tool {
    let parameters = parameters.map(|p| to_raw(&p));
    Tool { kind: ToolKind::Function { name: name.into(), description: Some("d".into()), parameters, strict }, cache: None }
}
fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
fn write_for(model: &str, request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = Gemini.write_request(request, &To { model, quirks: &NO_QUIRKS, want_usage: true })?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}
fn write(request: &Request) -> (Value, Vec<String>) {
    write_for("gemini-2.5-flash", request).unwrap()
}
fn text(text: &str) -> Value {
    json!({"text": text})
}

#[test]
fn system_text_goes_apart_and_turns_of_a_role_are_joined() {
    let (body, dropped) = write(&request(vec![
        say(Role::System, "be brief"),
        say(Role::Developer, "be kind"),
        say(Role::User, "a"),
        say(Role::User, "b"),
        say(Role::Assistant, "c"),
        say(Role::System, "late"),
    ]));
    assert_eq!(body["systemInstruction"], json!({"parts": [text("be brief"), text("be kind")]}));
    let expected = json!([
        {"role": "user", "parts": [text("a"), text("b")]}, {"role": "model", "parts": [text("c")]}, {"role": "user", "parts": [text("late")]}
    ]);
    assert_eq!(body["contents"], expected);
    assert!(dropped.is_empty());
    let (body, _) = write(&request(vec![say(Role::System, "alone")]));
    assert_eq!(body["contents"], json!([{"role": "user", "parts": [text(".")]}]));
}

#[test]
fn settings_go_to_their_places_and_the_rest_is_named() {
    let mut request = request(vec![say(Role::User, "a")]);
    request.sampling = Sampling {
        max_tokens: Some(9),
        temperature: serde_json::Number::from_f64(0.5),
        top_k: Some(3),
        n: Some(2),
        seed: Some(1 << 40),
        logprobs: Some(true),
        top_logprobs: Some(2),
        ..Sampling::default()
    };
    request.stop = vec!["END".into(), String::new()];
    request.user = Some("u".into());
    request.parallel_tool_calls = Some(false);
    request.reasoning = Some(Reasoning::Effort(Effort::High));
    request.output = OutputFormat::JsonSchema { name: "x".into(), description: None, schema: to_raw(&json!({"const": 1})), strict: None };
    request.extra.insert("store".into(), true.into());
    let (body, dropped) = write(&request);
    let expected = json!({
        "maxOutputTokens": 9, "temperature": 0.5, "topK": 3, "candidateCount": 2, "responseLogprobs": true, "logprobs": 2, "stopSequences": ["END"],
        "responseMimeType": "application/json", "responseJsonSchema": {"enum": [1]},
        "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 24576}
    });
    assert_eq!(body["generationConfig"], expected);
    assert_eq!(dropped, ["store", "user", "parallel_tool_calls", "seed"]);
}

#[test]
fn results_follow_their_calls_in_order_and_alone() {
    let messages = || {
        vec![
            say(Role::User, "a"),
            parts(Role::Assistant, vec![call("1", "f", r#"{"x": 1.50}"#), call("2", "g", "")]),
            parts(Role::Tool, vec![result("2", "two")]),
            parts(Role::Tool, vec![result("1", "{\"one\":1}")]),
            say(Role::User, "b"),
        ]
    };
    let expected = json!([
        {"role": "user", "parts": [text("a")]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1.5}}}, {"functionCall": {"name": "g", "args": {}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "{\"one\":1}"}}}, {"functionResponse": {"name": "g", "response": {"output": "two"}}}
        ]},
        {"role": "user", "parts": [text("b")]},
    ]);
    assert_eq!(write(&request(messages())).0["contents"], expected);
    let (third, _) = write_for("gemini-3-pro-preview", &request(messages())).unwrap();
    assert_eq!(third["contents"][1]["parts"][0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(third["contents"][1]["parts"][1], json!({"functionCall": {"name": "g", "args": {}, "id": "2"}}));
    assert_eq!(third["contents"][2]["parts"][0]["functionResponse"]["id"], "1");

    for broken in [messages()[..2].to_vec(), vec![say(Role::User, "a"), parts(Role::Tool, vec![result("9", "x")])]] {
        let error = write_for("gemini-2.5-flash", &request(broken)).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some("messages")));
    }
}

#[test]
fn a_signature_goes_back_to_the_call_it_came_with_and_only_to_its_vendor() {
    let own = proof::mark(DialectId::Gemini, "c2ln");
    let thinking = |signature: &str| PartKind::Thinking { text: "hm".into(), signature: Some(signature.into()) };
    let contents = |signature: &str| {
        let turn = parts(Role::Assistant, vec![thinking(signature), say(Role::Assistant, "so").parts.remove(0).kind, call("1", "f", "{}")]);
        let turns = vec![say(Role::User, "a"), turn, parts(Role::Tool, vec![result("1", "r")])];
        write_for("gemini-3-flash-preview", &request(turns)).unwrap()
    };
    let (body, dropped) = contents(&own);
    let expected = json!([
        {"text": "hm", "thought": true}, text("so"),
        {"functionCall": {"name": "f", "args": {}, "id": "1"}, "thoughtSignature": "c2ln"}
    ]);
    assert_eq!((&body["contents"][1]["parts"], dropped.len()), (&expected, 0));
    let (body, dropped) = contents("EqQBanthropic");
    assert_eq!(body["contents"][1]["parts"][1]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(dropped, ["reasoning_content"]);
}

/// It was sent on as an address, and taken for a file of the vendor's store when it came back.
#[test]
fn a_data_url_that_is_not_base64_is_refused_by_name() {
    let image = PartKind::Image { source: Media::Url("data:image/png,base64 AA".into()), detail: None };
    let refused = write_for("gemini-2.5-pro", &request(vec![parts(Role::User, vec![image])])).unwrap_err();
    assert_eq!((refused.code.as_deref(), refused.param.as_deref()), (Some("invalid_value"), Some("url")));
}

#[test]
fn media_are_sent_inline_or_by_address() {
    let image = |source| PartKind::Image { source, detail: Some("high".into()) };
    let data = Media::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let kinds = vec![
        image(data.clone()),
        image(Media::Url("https://a/b.jpg".into())),
        PartKind::Audio { format: "wav".into(), data: "BB==".into() },
        PartKind::Document { source: Media::Text("plain".into()), name: None },
    ];
    let (body, dropped) = write(&request(vec![parts(Role::User, kinds)]));
    let expected = json!([
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a/b.jpg"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "BB=="}}, text("plain")
    ]);
    assert_eq!(body["contents"][0]["parts"], expected);
    assert_eq!(dropped, ["detail"]);
    let store = request(vec![parts(Role::User, vec![image(Media::FileId("file-1".into()))])]);
    assert_eq!(write_for("gemini-2.5-pro", &store).unwrap_err().param.as_deref(), Some("file_id"));
    let bucket = request(vec![parts(Role::User, vec![image(Media::FileId("gs://a/b.png".into()))])]);
    let expected = json!([{"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b.png"}}]);
    assert_eq!(write(&bucket).0["contents"][0]["parts"], expected);

    // A picture in a result: beside its text where the model takes that, in a turn of its own where not.
    let shown = PartKind::ToolResult {
        id: "1".into(),
        name: None,
        parts: vec![PartKind::Image { source: data, detail: None }.into()],
        is_error: true,
    };
    let turns = request(vec![parts(Role::Assistant, vec![call("1", "f", "{}")]), parts(Role::Tool, vec![shown])]);
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}});
    assert_eq!(write(&turns).0["contents"][3], json!({"role": "user", "parts": [picture]}));
    let third = write_for("gemini-3-pro-preview", &turns).unwrap().0;
    let expected = json!({"name": "f", "response": {"error": ""}, "id": "1", "parts": [picture]});
    assert_eq!(third["contents"][2]["parts"][0]["functionResponse"], expected);
}

#[test]
fn tools_and_the_choice_among_them() {
    let mut request = request(vec![say(Role::User, "a")]);
    request.tools = vec![function("f", Some(json!({"type": "object", "properties": {}})), None), function("g", None, None)];
    let (body, _) = write(&request);
    let expected = json!([{"functionDeclarations": [
        {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object", "properties": {}}}, {"name": "g", "description": "d"}
    ]}]);
    assert_eq!(body["tools"], expected);
    assert_eq!(body.get("toolConfig"), None);
    for (choice, expected) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (ToolChoice::Named("g".into()), json!({"mode": "ANY", "allowedFunctionNames": ["g"]})),
        (ToolChoice::Allowed { names: vec!["f".into()], required: false }, json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})),
    ] {
        request.tool_choice = Some(choice);
        assert_eq!(write(&request).0["toolConfig"]["functionCallingConfig"], expected);
    }
    // Before version 3, a format beside functions is asked for in words.
    request.output = OutputFormat::JsonSchema { name: "x".into(), description: None, schema: to_raw(&json!({"title": "T"})), strict: None };
    let (body, _) = write(&request);
    assert_eq!(body.get("generationConfig"), None);
    assert!(body["systemInstruction"]["parts"][0]["text"].as_str().unwrap().ends_with("{\"title\":\"T\"}"));
    let (body, _) = write_for("gemini-3-pro-preview", &request).unwrap();
    assert_eq!(body["generationConfig"]["responseJsonSchema"], json!({"title": "T"}));
    request.tools = vec![function("f", None, Some(true))];
    request.tool_choice = None;
    assert_eq!(write(&request).0["toolConfig"]["functionCallingConfig"]["mode"], "VALIDATED");
    request.tools.clear();
    request.tool_choice = Some(ToolChoice::Required);
    assert_eq!(write_for("gemini-2.5-pro", &request).unwrap_err().param.as_deref(), Some("tool_choice"));
}

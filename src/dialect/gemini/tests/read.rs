use serde_json::json;

use crate::chat::{DialectId, FinishReason, Media, OutputFormat, Part, PartKind, Reasoning, Request, Role, ToolChoice, ToolKind};
use crate::dialect::gemini::Gemini;
use crate::dialect::{Dialect, proof};

fn read(body: &serde_json::Value) -> Request {
    Gemini.read_request(body.to_string().as_bytes()).unwrap()
}
fn kinds(parts: &[Part]) -> Vec<PartKind> {
    parts.iter().map(|part| part.kind.clone()).collect()
}

#[test]
fn a_request_in_either_spelling_is_read() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "a-_="}}]}],
        "tools": [{"googleSearch": {}}, {"functionDeclarations": [
            {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}
        ]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}, "retrievalConfig": {"languageCode": "en"}},
        "generationConfig": {"maxOutputTokens": 5, "topK": 4.0, "stopSequences": ["x"], "candidateCount": 2, "responseMimeType": "application/json",
            "responseSchema": {"type": "INTEGER"}, "thinkingConfig": {"thinkingBudget": 0}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "safetySettings": [{"category": "A", "threshold": "B"}],
    });
    let snake = json!({
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"role": "user", "parts": [{"text": "look"}, {"inline_data": {"mime_type": "image/png", "data": "a+/="}}]}],
        "tools": [{"googleSearch": {}}, {"function_declarations": [
            {"name": "f", "description": "d", "parameters_json_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
        ]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}, "retrievalConfig": {"languageCode": "en"}},
        "generation_config": {"max_output_tokens": 5, "top_k": 4, "stop_sequences": ["x"], "candidate_count": 2, "response_mime_type": "application/json",
            "response_json_schema": {"type": "integer"}, "thinking_config": {"thinking_budget": 0}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "safetySettings": [{"category": "A", "threshold": "B"}],
    });
    for request in [read(&camel), read(&snake)] {
        assert_eq!((request.messages[0].role, request.messages[1].role), (Role::System, Role::User));
        let image = PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "a+/=".into() }, detail: None };
        assert_eq!(kinds(&request.messages[1].parts), [PartKind::Text("look".into()), image]);
        assert_eq!((request.sampling.max_tokens, request.sampling.top_k, request.sampling.n), (Some(5), Some(4), Some(2)));
        assert_eq!((request.reasoning, request.tool_choice), (Some(Reasoning::Off), Some(ToolChoice::Named("f".into()))));
        let OutputFormat::JsonSchema { schema, .. } = request.output else { panic!() };
        assert_eq!(schema.get(), r#"{"type":"integer"}"#);
        let [native, function] = &request.tools[..] else { panic!() };
        assert!(matches!(&native.kind, ToolKind::Native { dialect: DialectId::Gemini, name, .. } if name == "googleSearch"));
        let ToolKind::Function { parameters: Some(parameters), .. } = &function.kind else { panic!() };
        assert_eq!(parameters.get(), r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
        assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["toolConfig", "generationConfig", "safetySettings"]);
        assert_eq!(request.extra["generationConfig"], json!({"mediaResolution": "MEDIA_RESOLUTION_LOW"}));
    }
}

#[test]
fn calls_and_results_find_each_other_without_ids() {
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "f"}},
            {"functionCall": {"name": "g", "id": "own"}}
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"result": "one"}}}, {"functionResponse": {"name": "f", "response": {"error": "bad"}}},
            {"functionResponse": {"name": "g", "id": "own", "response": {"output": {"k": 1}, "more": 2}}}, {"text": "go on"}
        ]},
    ]});
    let request = read(&body);
    let call = |id: &str, name: &str, arguments: &str| PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom: false,
    };
    let signature = Some(proof::mark(DialectId::Gemini, "c2ln"));
    let expected = [
        PartKind::Thinking { text: "hm".into(), signature },
        call("call_1", "f", r#"{"x":1}"#),
        call("call_2", "f", "{}"),
        call("own", "g", "{}"),
    ];
    assert_eq!(kinds(&request.messages[1].parts), expected);
    let result = |id: &str, name: &str, text: &str, is_error| PartKind::ToolResult {
        id: id.into(),
        name: Some(name.into()),
        parts: vec![PartKind::Text(text.into()).into()],
        is_error,
    };
    assert_eq!(request.messages[2].role, Role::Tool);
    let expected = [
        result("call_1", "f", "one", false),
        result("call_2", "f", "bad", true),
        result("own", "g", r#"{"output":{"k":1},"more":2}"#, false),
    ];
    assert_eq!(kinds(&request.messages[2].parts), expected);
    assert_eq!(kinds(&request.messages[3].parts), [PartKind::Text("go on".into())]);
}

#[test]
fn every_kind_of_part_is_told_apart() {
    let body = json!({"contents": [{"parts": [
        {"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}}, {"inlineData": {"mimeType": "application/pdf", "data": "BB=="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://a/b"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        {"executableCode": {"code": "1"}}
    ]}]});
    let [audio, pdf, image, stored, native] = &kinds(&read(&body).messages[0].parts)[..] else { panic!() };
    assert_eq!(*audio, PartKind::Audio { format: "mp3".into(), data: "AA==".into() });
    assert!(matches!(pdf, PartKind::Document { source: Media::Base64 { .. }, .. }));
    assert!(matches!(image, PartKind::Image { source: Media::Url(url), .. } if url == "https://a/b"));
    assert!(matches!(stored, PartKind::Document { source: Media::FileId(_), .. }));
    assert!(matches!(native, PartKind::Native { dialect: DialectId::Gemini, .. }));
    let error = Gemini.read_request(br#"{"contents":[{"parts":[{"text":5}]}]}"#).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some("contents[0].parts[0]")));
}

/// Its result came before it once it was written for a vendor.
#[test]
fn a_call_that_is_not_the_models_is_refused() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let body = json!({"contents": [{"parts": [call]}, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]});
    let error = Gemini.read_request(body.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some("contents")));
}

#[test]
fn whole_answers_are_read_and_what_is_none_is_an_error() {
    let body = json!({"responseId": "r", "modelVersion": "gemini-x", "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    "candidates": [
        {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "h", "thought": true}, {"text": "m", "thought": true}, {"text": "a"}, {"text": "b", "thoughtSignature": "eA=="},
            {"functionCall": {"name": "f", "args": {"x": 1.5}, "id": "1"}}, {"executableCode": {"code": "x"}}
        ]}},
        {"index": 1, "finishReason": "MAX_TOKENS", "content": {"role": "model"}}
    ]});
    let response = Gemini.read_response(body.to_string().as_bytes()).unwrap();
    let expected = [
        PartKind::Thinking { text: "hm".into(), signature: None },
        PartKind::Text("ab".into()),
        PartKind::ToolCall { id: "1".into(), name: "f".into(), arguments: r#"{"x":1.5}"#.into(), custom: false },
    ];
    assert_eq!(kinds(&response.choices[0].parts), expected);
    assert_eq!((response.choices[0].finish, response.choices[1].finish), (FinishReason::ToolCalls, FinishReason::Length));
    assert_eq!((response.id.as_deref(), response.usage.map(|u| u.total())), (Some("r"), Some(5)));

    let blocked = Gemini.read_response(br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#).unwrap();
    assert_eq!((blocked.choices[0].finish, blocked.choices[0].parts.len()), (FinishReason::ContentFilter, 0));
    for (body, code) in [
        ("{}", "upstream_invalid_response"),
        ("<html>", "upstream_invalid_response"),
        (r#"{"candidates":[{"content":{"par"#, "upstream_invalid_response"),
        (r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#, "upstream_error"),
        (r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#, "overloaded"),
    ] {
        assert_eq!(Gemini.read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some(code), "{body}");
    }
}

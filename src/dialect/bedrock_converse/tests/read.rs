use serde_json::{Value, json};

use crate::chat::{CacheHint, DialectId, Media, Message, OutputFormat, PartKind, Reasoning, Request, Role, ToolChoice, ToolKind};
use crate::dialect::Dialect;
use crate::dialect::bedrock_converse::BedrockConverse;

fn read(body: Value) -> Request {
    BedrockConverse.read_request(body.to_string().as_bytes()).unwrap()
}

fn kinds(message: &Message) -> Vec<PartKind> {
    message.parts.iter().map(|part| part.kind.clone()).collect()
}

#[test]
fn every_block_becomes_its_part() {
    let request = read(json!({"system": [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}], "messages": [
        {"role": "user", "content": [
            {"text": "look"}, {"cachePoint": {"type": "default"}},
            {"image": {"format": "png", "source": {"bytes": "AA=="}}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k.jpg"}}}},
            {"document": {"name": "d", "format": "md", "source": {"bytes": "AA=="}, "citations": {"enabled": true}}},
            {"document": {"name": "t", "source": {"text": "plain"}}},
            {"audio": {"format": "wav", "source": {"bytes": "AA=="}}},
            {"guardContent": {"text": {"text": "guarded", "qualifiers": ["query"]}}},
            {"video": {"format": "mp4", "source": {"bytes": "AA=="}}}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "EqQB"}}},
            {"reasoningContent": {"redactedContent": "RXU4RQ=="}},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}}]},
        {"role": "user", "content": [
            {"text": "and"},
            {"toolResult": {"toolUseId": "t1", "status": "error", "content": [{"text": "no"}, {"json": {"x": 1}}]}}]},
    ]}));
    let [system, user, assistant, results, after] = &request.messages[..] else { panic!("{:?}", request.messages) };
    let hint = |ttl: Option<&str>| Some(CacheHint { ttl: ttl.map(str::to_owned) });
    assert_eq!((system.role, &system.parts[0].cache), (Role::System, &hint(Some("1h"))));
    assert_eq!((user.role, &user.parts[0].cache), (Role::User, &hint(None)));
    let data = |media_type: &str| Media::Base64 { media_type: media_type.into(), data: "AA==".into() };
    assert_eq!(
        kinds(user),
        [
            PartKind::Text("look".into()),
            PartKind::Image { source: data("image/png"), detail: None },
            PartKind::Image { source: Media::Url("s3://b/k.jpg".into()), detail: None },
            PartKind::Document { source: data("text/markdown"), name: Some("d".into()) },
            PartKind::Document { source: Media::Text("plain".into()), name: Some("t".into()) },
            PartKind::Audio { format: "wav".into(), data: "AA==".into() },
            PartKind::Text("guarded".into()),
            PartKind::Native {
                dialect: DialectId::BedrockConverse,
                value: json!({"video": {"format": "mp4", "source": {"bytes": "AA=="}}}),
            },
        ]
    );
    assert_eq!(
        kinds(assistant),
        [
            PartKind::Thinking { text: "hm".into(), signature: Some("EqQB".into()) },
            PartKind::RedactedThinking { data: "Eu8E".into() },
            PartKind::ToolCall { id: "t1".into(), name: "f".into(), arguments: "{\"a\":1}".into(), custom: false },
        ]
    );
    let parts = vec![PartKind::Text("no".into()).into(), PartKind::Text("{\"x\":1}".into()).into()];
    assert_eq!(kinds(results), [PartKind::ToolResult { id: "t1".into(), name: None, parts, is_error: true }]);
    assert_eq!((results.role, after.role, kinds(after)), (Role::Tool, Role::User, vec![PartKind::Text("and".into())]));
    assert!(request.extra.contains_key("guardContent") && request.extra.contains_key("document.citations"), "{:?}", request.extra);
}

#[test]
fn settings_and_tools_are_found_and_the_rest_is_kept() {
    let request = read(json!({
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "toolConfig": {"toolChoice": {"any": {}}, "tools": [
            {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
            {"cachePoint": {"type": "default"}}, {"systemTool": {"name": "nova_grounding"}}]},
        "additionalModelRequestFields": {"inferenceConfig": {"topK": 7}, "reasoning_effort": "low", "own": 1},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "C", "schema": "{\"type\": \"object\"}"}}}},
        "serviceTier": {"type": "flex"}, "requestMetadata": {"team": "a"}, "guardrailConfig": {"guardrailIdentifier": "g"},
        "performanceConfig": {"latency": "optimized"},
    }));
    let sampling = &request.sampling;
    assert_eq!((sampling.max_tokens, sampling.top_k, request.stop.as_slice()), (Some(9), Some(7), &["END".to_owned()][..]));
    assert_eq!((request.service_tier.as_deref(), request.reasoning), (Some("flex"), Some(Reasoning::Effort(crate::chat::Effort::Low))));
    assert_eq!((request.tool_choice, request.metadata.unwrap()["team"].as_str()), (Some(ToolChoice::Required), Some("a")));
    assert!(matches!(&request.tools[0].kind, ToolKind::Function { name, strict: Some(true), .. } if name == "f"));
    assert!(request.tools[0].cache.is_some());
    assert!(matches!(&request.tools[1].kind, ToolKind::Native { name, .. } if name == "nova_grounding"));
    assert!(
        matches!(&request.output, OutputFormat::JsonSchema { name, schema, .. } if name == "C" && schema.get() == "{\"type\":\"object\"}")
    );
    let keys: Vec<_> = request.extra.keys().map(String::as_str).collect();
    assert_eq!(keys, ["additionalModelRequestFields", "guardrailConfig", "performanceConfig"]);
    assert_eq!(request.extra["additionalModelRequestFields"], json!({"own": 1}));
}

#[test]
fn what_cannot_be_read_is_named() {
    for (body, code, param) in [
        (json!({"promptVariables": {}}), "missing_required_parameter", "messages"),
        (json!({"messages": [{"role": "user", "content": [{"text": 1}]}]}), "invalid_type", "messages[0].content[0]"),
        (
            json!({"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {}}}]}]}),
            "invalid_type",
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": []}], "toolConfig": {"toolChoice": {"all": {}}}}),
            "invalid_value",
            "toolConfig.toolChoice",
        ),
        (
            json!({"messages": [{"role": "user", "content": []}], "outputConfig": {"effort": "huge"}}),
            "invalid_value",
            "outputConfig.effort",
        ),
        (json!({"messages": [{"role": "user", "content": []}], "inferenceConfig": {"topP": "x"}}), "invalid_type", "inferenceConfig.topP"),
    ] {
        let error = BedrockConverse.read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), Some(param)), "{body}");
    }
}

use serde_json::{Map, Number, Value, json};

use super::write::{assistant, call, function, hello, refused, request, result, say, write, write_for, write_with};
use crate::base::raw::to_raw;
use crate::chat::{CacheHint, Effort, Media, Message, OutputFormat, Part, PartKind, Reasoning, Role, ToolChoice};
use crate::dialect::Quirks;

#[test]
fn what_changes_the_answers_shape_is_refused_by_name() {
    let mut several = hello();
    several.sampling.n = Some(2);
    let mut probabilities = hello();
    probabilities.sampling.logprobs = Some(true);
    let mut spoken = hello();
    spoken.extra.insert("modalities".into(), json!(["text", "audio"]));
    let audio = PartKind::Audio { format: "wav".into(), data: "AA==".into() };
    let heard = request(vec![Message { role: Role::User, name: None, parts: vec![audio.into()] }]);
    let stored = PartKind::Document { source: Media::FileId("file-1".into()), name: None };
    let stored = request(vec![Message { role: Role::User, name: None, parts: vec![stored.into()] }]);
    for (request, param) in
        [(several, "n"), (probabilities, "logprobs"), (spoken, "modalities"), (heard, "input_audio"), (stored, "file_id")]
    {
        assert_eq!(refused(&request), ("unsupported_parameter".into(), param.into()));
    }
}

#[test]
fn tuning_hints_are_dropped_by_name() {
    let mut request = hello();
    request.sampling.seed = Some(1);
    request.sampling.frequency_penalty = Number::from_f64(0.5);
    request.sampling.presence_penalty = Number::from_f64(0.0);
    request.sampling.logit_bias = Some(Map::from_iter([("1".to_owned(), json!(-100))]));
    request.metadata = Some(Map::from_iter([("team".to_owned(), json!("blue"))]));
    request.service_tier = Some("flex".into());
    request.stop = vec!["\n".into(), "END".into()];
    request.extra = Map::from_iter([("store".to_owned(), json!(true)), ("verbosity".to_owned(), Value::Null)]);
    let (body, dropped) = write(&request);
    assert_eq!(dropped, ["store", "frequency_penalty", "seed", "logit_bias", "stop", "metadata", "service_tier"]);
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body.get("metadata").or(body.get("store")).or(body.get("service_tier")), None);
}

#[test]
fn user_tier_and_sampling_have_their_places() {
    let mut request = hello();
    request.user = Some("u-1".into());
    request.service_tier = Some("default".into());
    request.sampling.temperature = Number::from_f64(1.8);
    request.sampling.max_tokens = Some(500_000);
    let (body, dropped) = write(&request);
    assert_eq!((&body["metadata"], &body["service_tier"]), (&json!({"user_id": "u-1"}), &json!("standard_only")));
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(1), &json!(64000)));
    assert_eq!(dropped, ["max_tokens", "temperature"]);
    request.sampling.top_p = Number::from_f64(0.5);
    assert_eq!(write(&request).0.get("top_p"), None, "this model takes one of the two");
    let (newest, dropped) = write_for("claude-opus-4-7", &request).unwrap();
    assert_eq!(newest.get("temperature"), None);
    assert_eq!(dropped, ["max_tokens", "temperature", "top_p"]);
}

#[test]
fn tools_keep_their_schema_and_get_a_type() {
    let schema = json!({"$defs": {"A": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/A"}}, "additionalProperties": false});
    let mut request = hello();
    request.tools = vec![function("f", Some(schema.clone())), function("g", None)];
    let (body, _) = write(&request);
    let mut typed = schema;
    typed["type"] = json!("object");
    assert_eq!(body["tools"][0]["input_schema"], typed);
    assert_eq!(body["tools"][1]["input_schema"], json!({"type": "object", "properties": {}}));
    assert_eq!(body.get("tool_choice"), None);
    for (choice, alone, expected) in [
        (None, true, json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::None), true, json!({"type": "none"})),
        (Some(ToolChoice::Required), false, json!({"type": "any"})),
        (Some(ToolChoice::Named("g".into())), true, json!({"type": "tool", "name": "g", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Allowed { names: vec!["g".into()], required: true }), false, json!({"type": "any"})),
    ] {
        request.tool_choice = choice.clone();
        request.parallel_tool_calls = alone.then_some(false);
        let (body, _) = write(&request);
        assert_eq!(body["tool_choice"], expected);
        let only_one = matches!(choice, Some(ToolChoice::Allowed { .. }));
        assert_eq!(body["tools"].as_array().unwrap().len(), if only_one { 1 } else { 2 });
    }
    request.tools.clear();
    request.tool_choice = Some(ToolChoice::Required);
    assert_eq!(refused(&request), ("invalid_value".into(), "tool_choice".into()));
}

#[test]
fn reasoning_is_kept_clear_of_what_it_excludes() {
    let mut request = hello();
    request.reasoning = Some(Reasoning::Effort(Effort::High));
    request.sampling.max_tokens = Some(2000);
    request.sampling.temperature = Number::from_f64(0.2);
    let (body, dropped) = write(&request);
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 1600}));
    assert_eq!((body.get("temperature"), dropped), (None, vec!["temperature".to_owned()]));

    let (newest, _) = write_for("claude-opus-4-7", &request).unwrap();
    assert_eq!(newest["thinking"], json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(newest["output_config"], json!({"effort": "high"}));

    request.tools = vec![function("f", None)];
    request.tool_choice = Some(ToolChoice::Required);
    let (forced, dropped) = write(&request);
    assert_eq!((forced.get("thinking"), dropped), (None, vec!["reasoning_effort".to_owned()]));

    request.tool_choice = None;
    request.messages.extend([assistant(vec![call("a", "{}")]), result("a", "A")]);
    assert_eq!(write(&request).0.get("thinking"), None, "the call came without its thinking");
    let signed = PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) };
    request.messages[1].parts.push(signed.into());
    let (kept, _) = write(&request);
    assert_eq!(kept["messages"][1]["content"][0], json!({"type": "thinking", "thinking": "hm", "signature": "s"}));
    assert!(kept.get("thinking").is_some());
}

#[test]
fn structured_output_is_native_or_a_forced_tool() {
    let schema = json!({"type": "object", "properties": {"rating": {"type": "integer"}}, "required": ["rating"]});
    let mut request = hello();
    let format = |schema: &Value| OutputFormat::JsonSchema { name: "r".into(), description: None, schema: to_raw(schema), strict: None };
    request.output = format(&schema);
    let (native, _) = write(&request);
    assert_eq!(native["output_config"]["format"]["type"], "json_schema");
    assert_eq!(native["output_config"]["format"]["schema"]["additionalProperties"], false);
    assert_eq!(native.get("tools"), None);

    let (older, dropped) = write_for("claude-3-5-sonnet-20240620", &request).unwrap();
    assert_eq!(older["tool_choice"], json!({"type": "tool", "name": "json_tool_call", "disable_parallel_tool_use": true}));
    assert!(dropped.is_empty(), "{dropped:?}");
    assert_eq!(older["tools"][0]["input_schema"], schema);

    request.output = format(&json!({"type": "object", "properties": {"rating": {"type": "integer", "minimum": 1}}}));
    request.tools = vec![function("f", None)];
    let (limited, _) = write(&request);
    assert_eq!((&limited["tool_choice"], &limited["tools"][1]["name"]), (&json!({"type": "any"}), &json!("json_tool_call")));

    request.output = OutputFormat::JsonObject;
    assert!(write(&request).0["system"][0]["text"].as_str().unwrap().contains("JSON"));
}

#[test]
fn cache_hints_become_markers_up_to_the_vendors_limit() {
    let hint = |ttl: Option<&str>| Some(CacheHint { ttl: ttl.map(str::to_owned) });
    let mut system = say(Role::System, "long");
    system.parts[0].cache = hint(Some("24h"));
    let part = Part { kind: PartKind::Text("x".into()), cache: hint(None) };
    let user = Message { role: Role::User, name: None, parts: vec![part; 4] };
    let (body, dropped) = write(&request(vec![system, user]));
    assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(body["messages"][0]["content"][2]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(body["messages"][0]["content"][3].get("cache_control"), None);
    assert_eq!(dropped, ["prompt_cache_breakpoint"]);
}

#[test]
fn what_a_forced_tool_rules_out_is_told() {
    let schema = to_raw(&json!({"type": "object", "properties": {"rating": {"type": "integer", "minimum": 1}}}));
    let mut request = hello();
    request.sampling.max_tokens = Some(9000);
    request.output = OutputFormat::JsonSchema { name: "r".into(), description: None, schema, strict: Some(true) };
    // A budget and adaptive thinking alike; an effort without thinking stays.
    for (model, reasoning, effort) in
        [("claude-sonnet-4-5", Reasoning::Budget(2048), Value::Null), ("claude-opus-4-7", Reasoning::Effort(Effort::Low), json!("low"))]
    {
        request.reasoning = Some(reasoning);
        let (body, dropped) = write_for(model, &request).unwrap();
        assert_eq!(body["tool_choice"]["name"], "json_tool_call", "{model}");
        assert_eq!((body.get("thinking"), &body["output_config"]["effort"]), (None, &effort), "{model}");
        assert_eq!(dropped, ["strict", "reasoning_effort"], "{model}");
    }
    // A model that always thinks is not forced, but told in words.
    let (body, _) = write_for("claude-fable-5", &request).unwrap();
    assert_eq!((&body["tool_choice"]["type"], &body["thinking"]["type"]), (&json!("auto"), &json!("adaptive")));
    assert!(body["system"][0]["text"].as_str().unwrap().contains("json_tool_call"));
    // The client's own choice of a tool leaves no place for the format.
    request.tools = vec![function("f", None)];
    request.tool_choice = Some(ToolChoice::Named("f".into()));
    assert_eq!(write_for("claude-sonnet-4-5", &request).unwrap().0["tool_choice"]["name"], "f");
    request.tool_choice = None;
    request.tools = vec![function("json_tool_call", None)];
    assert_eq!(write_for("claude-sonnet-4-5", &request).unwrap_err().param.as_deref(), Some("tools"));
}

#[test]
fn a_providers_facts_about_its_models_are_obeyed() {
    let facts =
        json!({"output_cap": 1000, "thinking": "adaptive", "sampling": "refused", "structured_output": true, "forced_tools": false});
    let own = json!({"models": [{"names": ["house-*"], "request": {"claude": facts}}]});
    let quirks = Quirks::default().overlay(&own).unwrap();
    let mut request = hello();
    request.sampling.temperature = Number::from_f64(0.5);
    request.reasoning = Some(Reasoning::Effort(Effort::Low));
    request.tools = vec![function("f", None)];
    request.tool_choice = Some(ToolChoice::Required);
    let schema = to_raw(&json!({"type": "object", "properties": {}}));
    request.output = OutputFormat::JsonSchema { name: "r".into(), description: None, schema, strict: None };
    let (body, dropped) = write_with(&quirks, "house-1", &request).unwrap();
    assert_eq!((&body["max_tokens"], &body["thinking"]), (&json!(1000), &json!({"type": "adaptive"})));
    assert_eq!((&body["output_config"]["effort"], &body["output_config"]["format"]["type"]), (&json!("low"), &json!("json_schema")));
    assert_eq!((body.get("temperature"), body.get("tool_choice")), (None, None));
    assert_eq!(dropped, ["tool_choice", "temperature"]);
    // Without them nothing of it is known.
    let (body, _) = write_with(&Quirks::default(), "house-1", &request).unwrap();
    assert_eq!((&body["max_tokens"], &body["tool_choice"]["type"]), (&json!(8192), &json!("any")));
    assert_eq!(body["temperature"], 0.5);
}

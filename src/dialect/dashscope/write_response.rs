//! Writes a whole answer to a client.

use serde_json::{Map, Value, json};

use super::wanted::{Said, Wanted};
use crate::base::id;
use crate::chat::{Choice, Citation, FinishReason, PartKind, Response, Usage};
use crate::dialect::Reply;

/// The answer's JSON, in the form that the request asks for.
pub(super) fn write_response(response: Response, reply: &Reply) -> Vec<u8> {
    let wanted = Wanted::by(&reply.request);
    let mut output = Map::new();
    let mut citations = Vec::new();
    for choice in response.choices {
        let written = write_choice(&choice, wanted);
        citations.extend(choice.citations);
        for (key, value) in written {
            match (output.get_mut(&key), value) {
                (Some(Value::Array(choices)), Value::Array(more)) => choices.extend(more),
                (Some(_), _) => {}
                (None, value) => {
                    output.insert(key, value);
                }
            }
        }
    }
    if let Some(found) = search_info(&citations) {
        output.insert("search_info".into(), found);
    }
    let request_id = response.id.unwrap_or_else(id::request_id);
    json!({"output": output, "usage": usage(response.usage), "request_id": request_id}).to_string().into_bytes()
}

fn write_choice(choice: &Choice, wanted: Wanted) -> Map<String, Value> {
    let (mut content, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => content.push_str(text),
            PartKind::Thinking { text, .. } => reasoning.push_str(text),
            PartKind::ToolCall { id, name, arguments, .. } => calls.push(call(calls.len(), id, Some(name), or_empty(arguments))),
            // This format has no place for the rest.
            _ => {}
        }
    }
    let finish = finish_word(choice.finish);
    wanted.output(choice.index, Said { content: &content, reasoning: &reasoning, calls }, choice.logprobs.as_ref(), finish)
}

/// A call, or a piece of one: then it has no name.
pub(super) fn call(index: usize, id: &str, name: Option<&str>, arguments: &str) -> Value {
    let mut function = Map::new();
    function.extend(name.map(|name| ("name".to_owned(), name.into())));
    function.insert("arguments".into(), arguments.into());
    json!({"index": index, "id": id, "type": "function", "function": function})
}

/// Arguments are always JSON text.
pub(super) fn or_empty(arguments: &str) -> &str {
    if arguments.trim().is_empty() { "{}" } else { arguments }
}

pub(super) fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

/// The pages that an answer rests on.
pub(super) fn search_info(citations: &[Citation]) -> Option<Value> {
    let with_url = citations.iter().filter_map(|citation| Some((citation.url.as_deref()?, citation.title.as_deref())));
    let results: Vec<Value> = with_url
        .zip(1_u32..)
        .map(|((url, title), index)| json!({"index": index, "title": title.unwrap_or_default(), "url": url}))
        .collect();
    (!results.is_empty()).then(|| json!({ "search_results": results }))
}

/// The counts, or an object without any.
pub(super) fn usage(usage: Option<Usage>) -> Value {
    let Some(usage) = usage else { return json!({}) };
    let mut counts = Map::new();
    counts.insert("input_tokens".into(), usage.prompt.into());
    counts.insert("output_tokens".into(), usage.completion.into());
    counts.insert("total_tokens".into(), usage.total().into());
    for (details, key, count) in [
        ("prompt_tokens_details", "cached_tokens", usage.cached),
        ("prompt_tokens_details", "cache_creation_input_tokens", usage.cache_write),
        ("input_tokens_details", "audio_tokens", usage.audio_in),
        ("output_tokens_details", "reasoning_tokens", usage.reasoning),
        ("output_tokens_details", "audio_tokens", usage.audio_out),
    ] {
        if let (Some(count), Value::Object(details)) = (count, counts.entry(details).or_insert_with(|| json!({}))) {
            details.insert(key.into(), count.into());
        }
    }
    counts.retain(|_, value| *value != json!({}));
    counts.into()
}

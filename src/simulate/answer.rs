//! What the simulated model answers: a request of the hub in, a script of the hub's events out. The same request always gets
//! the same answer.

use serde_json::Value;

use super::directives::Directives;
use super::manners;
use super::sample;
use super::script::Script;
use super::text::{self, Pieces};
use super::tools::{self, Call};
use crate::chat::{ApiError, Event, FinishReason, OutputFormat, Part, PartKind, Reasoning, Request, Role, ToolKind, Usage};

/// The most answers (`n`) to one request.
const MAX_CHOICES: u32 = 128;
/// Tool arguments are streamed in pieces of this many characters.
const ARGUMENT_PIECE: usize = 8;
/// The simulator's own proofs of thinking start so.
const SIGNATURE: &str = "sim-";

/// Takes the directives out of the last user message and tells what is left of it.
pub(super) fn said(request: &Request, directives: &mut Directives) -> Result<String, ApiError> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    directives.take_from(&last.map(|message| plain(&message.parts)).unwrap_or_default())
}

/// The prompt's tokens: all text, arguments and tool schemas at about four characters a token.
pub(super) fn prompt_tokens(request: &Request) -> u64 {
    let messages: usize = request.messages.iter().flat_map(|message| &message.parts).map(chars).sum();
    let tools: usize = request.tools.iter().map(|tool| tool_chars(&tool.kind)).sum();
    text::tokens(messages + tools).max(1)
}

/// The answer to `request`, whose last user message says `said`.
pub(super) fn plan(request: &Request, said: &str, directives: &Directives) -> Result<Script, ApiError> {
    check_signatures(request)?;
    let choices = u32::try_from(request.sampling.n.unwrap_or(1)).ok().filter(|n| (1..=MAX_CHOICES).contains(n));
    let choices = choices.ok_or_else(|| ApiError::invalid("invalid_value", "n", format!("n must be from 1 to {MAX_CHOICES}")))?;
    let prompt = prompt_tokens(request);
    let cached = directives.cached_tokens.map(|cached| cached.min(prompt));
    let start = Usage { prompt, cached, ..Usage::default() };
    let seed = text::hash(format!("{said}{}", request.messages.len()).as_bytes());
    let mut script = Script::default();
    script.push(Event::Start {
        id: Some(text::id(manners::of(request.origin).answer_id, seed)),
        model: Some(request.model.clone()),
        created: None,
        usage: (!directives.no_usage).then_some(start),
    });
    let mut spent = Spent::default();
    for choice in 0..choices {
        tell(choice, request, said, directives, &mut script, &mut spent);
    }
    if !directives.no_usage {
        let completion = text::tokens(spent.chars);
        let reasoning = (spent.thinking > 0).then(|| text::tokens(spent.thinking));
        script.push(Event::Usage(Usage { completion, reasoning, ..start }));
    }
    script.push(Event::Done);
    Ok(script)
}

/// Characters an answer has used; `thinking` is part of `chars`.
#[derive(Default)]
struct Spent {
    chars: usize,
    thinking: usize,
}

fn tell(choice: u32, request: &Request, said: &str, directives: &Directives, script: &mut Script, spent: &mut Spent) {
    if !matches!(request.reasoning, None | Some(Reasoning::Off)) {
        let thought = format!("The user said {} characters. I will answer them.", said.chars().count());
        spent.thinking += thought.chars().count();
        spent.chars += thought.chars().count();
        let signature = signature(&thought);
        for word in Pieces::words(&thought) {
            script.push(Event::Thinking { choice, text: word });
        }
        script.push(Event::Signature { choice, signature });
    }
    let calls = tools::choose(request, said, directives, manners::of(request.origin).call_id);
    if !calls.is_empty() {
        call(choice, calls, script, spent);
        script.push(Event::Finish { choice, reason: FinishReason::ToolCalls, stop_sequence: None });
        return;
    }
    let (text, reason, stop_sequence) = limit(words(request, said), request);
    let pieces = match (directives.chunks, directives.chunk_bytes) {
        (None, None) => Pieces::words(&text),
        (chunks, bytes) => Pieces::sized(&text, chunks.unwrap_or(1), bytes.unwrap_or(16)),
    };
    spent.chars += pieces.chars();
    script.push_text(choice, pieces);
    script.push(Event::Finish { choice, reason, stop_sequence });
}

fn call(choice: u32, calls: Vec<Call>, script: &mut Script, spent: &mut Spent) {
    for (Call { id, name, arguments }, index) in calls.into_iter().zip(0..) {
        spent.chars += name.len() + arguments.chars().count();
        script.push(Event::ToolStart { choice, index, id, name });
        let letters: Vec<char> = arguments.chars().collect();
        for piece in letters.chunks(ARGUMENT_PIECE) {
            script.push(Event::ToolArguments { choice, index, fragment: piece.iter().collect() });
        }
    }
}

/// The text of an answer without tool calls.
fn words(request: &Request, said: &str) -> String {
    match &request.output {
        OutputFormat::JsonSchema { schema, .. } => sample::sample(&serde_json::from_str(schema.get()).unwrap_or(Value::Null)).to_string(),
        OutputFormat::JsonObject => serde_json::json!({ "said": said }).to_string(),
        OutputFormat::Text => match request.messages.last() {
            Some(last) if last.role == Role::Tool => format!("The tool answered: {}", results(&request.messages)),
            _ => format!("You said: {said}"),
        },
    }
}

/// The results that follow the last assistant turn.
fn results(messages: &[crate::chat::Message]) -> String {
    let from = messages.iter().rposition(|message| message.role != Role::Tool).map_or(0, |at| at + 1);
    let parts = messages.iter().skip(from).flat_map(|message| &message.parts);
    let texts = parts.filter_map(|part| match &part.kind {
        PartKind::ToolResult { parts, .. } => Some(plain(parts)),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// Cuts the text at a stop sequence and at the most tokens the client wants.
fn limit(mut text: String, request: &Request) -> (String, FinishReason, Option<String>) {
    let first = request.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| Some((text.find(stop)?, stop))).min();
    let stop = first.map(|(at, stop)| {
        text.truncate(at);
        stop.clone()
    });
    let most = request.sampling.max_tokens.map(|tokens| usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX));
    if let Some((at, _)) = most.and_then(|most| text.char_indices().nth(most)) {
        text.truncate(at);
        return (text, FinishReason::Length, None);
    }
    (text, FinishReason::Stop, stop)
}

/// The vendor refuses thinking that was altered; so does the simulator, for proofs of its own making.
fn check_signatures(request: &Request) -> Result<(), ApiError> {
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        if let PartKind::Thinking { text, signature: Some(proof) } = &part.kind
            && proof.starts_with(SIGNATURE)
            && *proof != signature(text)
        {
            return Err(ApiError::invalid("invalid_signature", "messages", "Invalid `signature` in `thinking` block"));
        }
    }
    Ok(())
}

fn signature(thought: &str) -> String {
    format!("{SIGNATURE}{:016x}", text::hash(thought.as_bytes()))
}

/// The text parts, one a line.
fn plain(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn chars(part: &Part) -> usize {
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) | PartKind::Thinking { text, .. } => text.chars().count(),
        PartKind::ToolCall { name, arguments, .. } => name.len() + arguments.chars().count(),
        PartKind::ToolResult { parts, .. } => parts.iter().map(chars).sum(),
        // What vendors charge for a small image.
        PartKind::Image { .. } | PartKind::Audio { .. } | PartKind::Document { .. } => 340,
        PartKind::RedactedThinking { data } => data.len(),
        PartKind::Native { value, .. } => value.to_string().len(),
    }
}

fn tool_chars(tool: &ToolKind) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
    match tool {
        ToolKind::Function { name, description, parameters, .. } => {
            name.len() + length(description) + parameters.as_ref().map_or(0, |schema| schema.get().len())
        }
        ToolKind::Custom { name, description, format } => {
            name.len() + length(description) + format.as_ref().map_or(0, |format| format.to_string().len())
        }
        ToolKind::Native { value, .. } => value.to_string().len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Collector, DialectId, Message, Response};

    fn request(said: &str) -> Request {
        let mut request = Request::new(DialectId::AnthropicMessages, "m");
        request.messages.push(Message { role: Role::User, name: None, parts: vec![PartKind::Text(said.into()).into()] });
        request
    }

    fn answer(request: &Request) -> Response {
        let mut directives = Directives::default();
        let said = said(request, &mut directives).unwrap();
        let mut collector = Collector::default();
        for event in plan(request, &said, &directives).unwrap() {
            collector.push(event).unwrap();
        }
        collector.finish().unwrap()
    }

    fn text(response: &Response) -> String {
        plain(&response.choices[0].parts)
    }

    #[test]
    fn the_user_is_echoed_without_the_directives_and_counted() {
        let response = answer(&request("Good morning [sim cached-tokens=3]"));
        assert_eq!(text(&response), "You said: Good morning");
        let usage = response.usage.unwrap();
        assert_eq!((usage.completion, usage.cached), (6, Some(3)));
        assert_eq!(answer(&request("Good morning [sim usage=none]")).usage, None);
    }

    #[test]
    fn thinking_comes_first_and_its_proof_is_checked_when_it_comes_back() {
        let mut request = request("hello");
        request.reasoning = Some(Reasoning::Budget(1024));
        let response = answer(&request);
        let PartKind::Thinking { text: thought, signature: Some(proof) } = &response.choices[0].parts[0].kind else { panic!() };
        let turn = |text: &str| Message {
            role: Role::Assistant,
            name: None,
            parts: vec![PartKind::Thinking { text: text.into(), signature: Some(proof.clone()) }.into()],
        };
        request.messages.push(turn(thought));
        assert!(plan(&request, "hello", &Directives::default()).is_ok());
        request.messages.push(turn("altered"));
        assert_eq!(plan(&request, "hello", &Directives::default()).unwrap_err().code.as_deref(), Some("invalid_signature"));
    }

    #[test]
    fn length_and_stop_sequences_are_kept() {
        let mut short = request("one two three four");
        short.sampling.max_tokens = Some(3);
        let response = answer(&short);
        assert_eq!((text(&response).as_str(), response.choices[0].finish), ("You said: on", FinishReason::Length));
        short.sampling.max_tokens = None;
        short.stop = vec!["three".into(), "two".into()];
        let response = answer(&short);
        assert_eq!(text(&response), "You said: one ");
        assert_eq!(response.choices[0].stop_sequence.as_deref(), Some("two"));
    }

    #[test]
    fn a_tool_result_is_quoted() {
        let mut request = request("use the tool");
        let result = |text: &str| Message {
            role: Role::Tool,
            name: None,
            parts: vec![
                PartKind::ToolResult { id: "1".into(), name: None, parts: vec![PartKind::Text(text.into()).into()], is_error: false }
                    .into(),
            ],
        };
        request.messages.push(result("18 degrees"));
        request.messages.push(result("rain"));
        assert_eq!(text(&answer(&request)), "The tool answered: 18 degrees, rain");
    }
}

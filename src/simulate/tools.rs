//! Which of the offered tools the simulated model calls, and with what.

use serde_json::Value;

use super::directives::Directives;
use super::{sample, text};
use crate::chat::{Request, Role, Tool, ToolChoice, ToolKind};

/// A tool call to be told.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text that satisfies the tool's schema.
    pub(super) arguments: String,
}

/// The calls that answer `request`: the forced tool, or those the user's words name. None after a tool result, so that a
/// conversation ends. Only function tools are called.
pub(super) fn choose(request: &Request, said: &str, directives: &Directives, id_prefix: &str) -> Vec<Call> {
    if request.messages.last().is_some_and(|last| last.role == Role::Tool) {
        return Vec::new();
    }
    let offered: Vec<_> = request.tools.iter().filter_map(function).filter(|(name, _)| permitted(name, request)).collect();
    let mut chosen: Vec<_> = offered.iter().filter(|(name, _)| forced(name, request) || said.contains(name)).collect();
    chosen.sort_by_key(|(name, _)| said.find(name).unwrap_or(usize::MAX));
    if chosen.is_empty() && (required(request) || directives.tool_calls.is_some()) {
        chosen.extend(offered.first());
    }
    if let Some(wanted) = directives.tool_calls {
        let rest: Vec<_> = offered.iter().filter(|tool| !chosen.contains(tool)).collect();
        chosen.extend(rest);
        chosen = chosen.iter().copied().cycle().take(if chosen.is_empty() { 0 } else { wanted }).collect();
    } else if request.parallel_tool_calls == Some(false) {
        chosen.truncate(1);
    }
    let seed = text::hash(said.as_bytes()).wrapping_add(request.messages.len() as u64);
    let calls = chosen.iter().zip(0u64..).map(|((name, schema), at)| Call {
        id: text::id(id_prefix, seed.wrapping_add(at)),
        name: (*name).to_owned(),
        arguments: sample::sample(schema).to_string(),
    });
    calls.collect()
}

fn function(tool: &Tool) -> Option<(&str, Value)> {
    let ToolKind::Function { name, parameters, .. } = &tool.kind else { return None };
    let schema = parameters.as_ref().and_then(|schema| serde_json::from_str(schema.get()).ok());
    Some((name, schema.unwrap_or_else(|| serde_json::json!({"type": "object"}))))
}

fn permitted(name: &str, request: &Request) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        Some(ToolChoice::Auto | ToolChoice::Required) | None => true,
    }
}

fn forced(name: &str, request: &Request) -> bool {
    matches!(&request.tool_choice, Some(ToolChoice::Named(only)) if only == name)
}

fn required(request: &Request) -> bool {
    matches!(&request.tool_choice, Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::raw::to_raw;
    use crate::chat::{DialectId, Message};

    fn request(choice: Option<ToolChoice>) -> Request {
        let tool = |name: &str| Tool {
            kind: ToolKind::Function {
                name: name.into(),
                description: None,
                parameters: Some(to_raw(
                    &serde_json::json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}),
                )),
                strict: None,
            },
            cache: None,
        };
        let mut request = Request::new(DialectId::OpenAiChat, "m");
        request.tools = vec![tool("look_up"), tool("get_weather")];
        request.tool_choice = choice;
        request
    }

    fn names(request: &Request, said: &str, directives: &Directives) -> Vec<String> {
        choose(request, said, directives, "call_").into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn a_tool_is_called_when_named_or_forced() {
        let plain = Directives::default();
        assert!(names(&request(None), "hello", &plain).is_empty());
        assert_eq!(names(&request(None), "use get_weather, then look_up", &plain), ["get_weather", "look_up"]);
        assert_eq!(names(&request(Some(ToolChoice::Required)), "hello", &plain), ["look_up"]);
        assert_eq!(names(&request(Some(ToolChoice::Named("get_weather".into()))), "look_up", &plain), ["get_weather"]);
        assert!(names(&request(Some(ToolChoice::None)), "look_up", &plain).is_empty());
        let mut single = request(None);
        single.parallel_tool_calls = Some(false);
        assert_eq!(names(&single, "get_weather look_up", &plain), ["get_weather"]);
    }

    #[test]
    fn a_directive_sets_the_number_of_calls_and_a_result_ends_them() {
        let three = Directives { tool_calls: Some(3), ..Directives::default() };
        let mut request = request(None);
        let calls = choose(&request, "hello", &three, "call_");
        assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["look_up", "get_weather", "look_up"]);
        assert_eq!(calls[0].arguments, r#"{"q":"example"}"#);
        assert_ne!(calls[0].id, calls[2].id);
        request.messages.push(Message { role: Role::Tool, name: None, parts: Vec::new() });
        assert!(choose(&request, "hello", &three, "call_").is_empty());
    }
}

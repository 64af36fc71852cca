//! What the vendor of each dialect does in its own way beside the wire format.

use crate::chat::DialectId;

/// A vendor's own way.
pub(super) struct Manners {
    /// How ids of answers begin.
    pub(super) answer_id: &'static str,
    /// How ids of tool calls begin.
    pub(super) call_id: &'static str,
    /// The header that carries the request's id.
    pub(super) request_id: &'static str,
    /// The models that are listed unless others are configured.
    pub(super) models: &'static [&'static str],
    /// A frame whose payload is not JSON.
    pub(super) garbage: &'static [u8],
}

const OPENAI: Manners = Manners {
    answer_id: "chatcmpl-",
    call_id: "call_",
    request_id: "x-request-id",
    models: &["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"],
    garbage: b"data: {\"this is\": not JSON\n\n",
};

const RESPONSES: Manners =
    Manners { answer_id: "resp_", garbage: b"event: response.output_text.delta\ndata: {\"this is\": not JSON\n\n", ..OPENAI };

const COMPLETIONS: Manners = Manners { answer_id: "cmpl-", ..OPENAI };

const ANTHROPIC: Manners = Manners {
    answer_id: "msg_",
    call_id: "toolu_",
    request_id: "request-id",
    models: &["claude-haiku-4-5", "claude-sonnet-4-5"],
    garbage: b"event: content_block_delta\ndata: {\"this is\": not JSON\n\n",
};

const GEMINI: Manners = Manners {
    answer_id: "",
    call_id: "",
    request_id: "x-request-id",
    models: &["gemini-2.5-flash", "gemini-2.5-pro"],
    garbage: b"data: {\"candidates\": [{\"content\"\r\n\r\n",
};

const OLLAMA: Manners = Manners { answer_id: "", models: &["qwen3:8b", "llama3.2:3b"], garbage: b"{\"this is\": not JSON\n", ..OPENAI };

const COHERE: Manners = Manners {
    answer_id: "",
    models: &["command-a-03-2025", "command-r7b-12-2024"],
    garbage: b"event: content-delta\ndata: {\"this is\": not JSON\n\n",
    ..OPENAI
};

const DASHSCOPE: Manners = Manners {
    answer_id: "",
    models: &["qwen-plus", "qwen-vl-max"],
    garbage: b"id:1\nevent:result\n:HTTP_STATUS/200\ndata:{\"this is\": not JSON\n\n",
    ..OPENAI
};

const BEDROCK: Manners = Manners {
    answer_id: "",
    call_id: "tooluse_",
    request_id: "x-amzn-requestid",
    models: &["amazon.nova-micro-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"],
    garbage: b"this is no message",
};

/// The ways of a dialect's vendor.
pub(super) fn of(dialect: DialectId) -> &'static Manners {
    match dialect {
        DialectId::OpenAiChat => &OPENAI,
        DialectId::OpenAiResponses => &RESPONSES,
        DialectId::AnthropicMessages => &ANTHROPIC,
        DialectId::Gemini => &GEMINI,
        DialectId::Ollama | DialectId::OllamaGenerate => &OLLAMA,
        DialectId::OpenAiCompletions => &COMPLETIONS,
        DialectId::Cohere => &COHERE,
        DialectId::DashScope => &DASHSCOPE,
        DialectId::BedrockConverse => &BEDROCK,
    }
}

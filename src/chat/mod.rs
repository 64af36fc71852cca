//! Floor 2: the hub. One model of a chat request, answer and stream that every dialect reads into and writes from.
//! No vendor's name appears here.

mod error;
mod event;
mod fold;
mod request;
mod response;
mod usage;

pub use error::{ApiError, ErrorKind, Fault, LimitState, LimitUnit};
pub use event::{Citation, Event, FinishReason};
pub use fold::{Collector, unfold};
pub use request::{
    CacheHint, Dropped, Effort, Media, Message, OutputFormat, Part, PartKind, RawJson, Reasoning, Request, Role, Sampling, Tool,
    ToolChoice, ToolKind,
};
pub use response::{Choice, Response};
pub use usage::Usage;

/// The wire formats the sidecar speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialectId {
    /// OpenAI's Chat Completions and everything that copies it.
    OpenAiChat,
    /// Anthropic's Messages.
    AnthropicMessages,
    /// Google's Gemini API.
    Gemini,
    /// OpenAI's Responses.
    OpenAiResponses,
    /// Ollama's own chat API.
    Ollama,
    /// Ollama's endpoint for single prompts.
    OllamaGenerate,
    /// OpenAI's Completions of old.
    OpenAiCompletions,
    /// Cohere's chat API, version 2.
    Cohere,
    /// Alibaba's DashScope.
    DashScope,
    /// Amazon Bedrock's Converse.
    BedrockConverse,
}

impl DialectId {
    pub const ALL: [Self; 10] = [
        Self::OpenAiChat,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::OpenAiResponses,
        Self::Ollama,
        Self::OllamaGenerate,
        Self::OpenAiCompletions,
        Self::Cohere,
        Self::DashScope,
        Self::BedrockConverse,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::Gemini => "gemini",
            Self::OpenAiResponses => "openai_responses",
            Self::Ollama => "ollama",
            Self::OllamaGenerate => "ollama_generate",
            Self::OpenAiCompletions => "openai_completions",
            Self::Cohere => "cohere",
            Self::DashScope => "dashscope",
            Self::BedrockConverse => "bedrock_converse",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.as_str() == word)
    }
}

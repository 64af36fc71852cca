//! A chat request as every dialect can say it, and the fields a dialect could not say.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::DialectId;

/// JSON kept exactly as it came: a tool's schema, a tool call's arguments object.
pub type RawJson = Box<RawValue>;

/// A chat request. What no other dialect knows stays in `extra` and goes back only to the dialect it came from.
#[derive(Clone, Debug)]
pub struct Request {
    /// The dialect the request came in, which owns `extra` and every `Native` part and tool.
    pub origin: DialectId,
    pub model: String,
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    pub parallel_tool_calls: Option<bool>,
    pub sampling: Sampling,
    pub stop: Vec<String>,
    pub output: OutputFormat,
    pub reasoning: Option<Reasoning>,
    pub stream: bool,
    /// The client wants the usage as an event of the stream (`stream_options.include_usage`; always for Anthropic).
    pub include_usage: bool,
    /// An opaque id of the end user.
    pub user: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    pub service_tier: Option<String>,
    /// Fields of the sender's own, in the order they came.
    pub extra: Map<String, Value>,
}

impl Request {
    pub fn new(origin: DialectId, model: impl Into<String>) -> Self {
        Self {
            origin,
            model: model.into(),
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            output: OutputFormat::Text,
            reasoning: None,
            stream: false,
            include_usage: false,
            user: None,
            metadata: None,
            service_tier: None,
            extra: Map::new(),
        }
    }
}

/// One turn. Tool results are messages of their own with role `Tool`, holding only `ToolResult` parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub role: Role,
    pub name: Option<String>,
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// A piece of a turn, and whether the vendor should cache the prompt up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub kind: PartKind,
    pub cache: Option<CacheHint>,
}

impl From<PartKind> for Part {
    fn from(kind: PartKind) -> Self {
        Self { kind, cache: None }
    }
}

/// A prompt-cache marker; `ttl` as the vendors write it (`5m`, `1h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheHint {
    pub ttl: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    Text(String),
    Image {
        source: Media,
        detail: Option<String>,
    },
    /// `format` is `wav`, `mp3`, ...; `data` is base64.
    Audio {
        format: String,
        data: String,
    },
    Document {
        source: Media,
        name: Option<String>,
    },
    /// `arguments` is the JSON text as the model wrote it (it may be empty or broken). A custom tool's input is plain text.
    ToolCall {
        id: String,
        name: String,
        arguments: String,
        custom: bool,
    },
    /// `name` is the called function's, where the sender said it. Parts are text, images and documents.
    ToolResult {
        id: String,
        name: Option<String>,
        parts: Vec<Part>,
        is_error: bool,
    },
    /// Reasoning text; `signature` proves to its vendor that it is unaltered.
    Thinking {
        text: String,
        signature: Option<String>,
    },
    /// Reasoning that only its vendor can read.
    RedactedThinking {
        data: String,
    },
    Refusal(String),
    /// A block that only `dialect` knows, as it came.
    Native {
        dialect: DialectId,
        value: Value,
    },
}

/// Where an image's or a document's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    Url(String),
    /// Standard base64 without a data-URL prefix.
    Base64 {
        media_type: String,
        data: String,
    },
    /// Plain text (a text document).
    Text(String),
    /// An id in the vendor's file store.
    FileId(String),
}

#[derive(Clone, Debug)]
pub struct Tool {
    pub kind: ToolKind,
    pub cache: Option<CacheHint>,
}

#[derive(Clone, Debug)]
pub enum ToolKind {
    /// `parameters` is a JSON Schema, absent for a function that takes nothing.
    Function { name: String, description: Option<String>, parameters: Option<RawJson>, strict: Option<bool> },
    /// A tool that takes free text instead of JSON; `format` is its grammar as it came.
    Custom { name: String, description: Option<String>, format: Option<Value> },
    /// A tool the vendor itself runs (web search, code execution), as it came.
    Native { dialect: DialectId, name: String, value: Value },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
    /// Only these tools; `required` says whether one of them has to be called.
    Allowed {
        names: Vec<String>,
        required: bool,
    },
}

/// Sampling and length. Numbers keep the sender's spelling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The most tokens the answer may have, reasoning included.
    pub max_tokens: Option<u64>,
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub top_k: Option<u64>,
    pub n: Option<u64>,
    pub seed: Option<i64>,
    pub frequency_penalty: Option<Number>,
    pub presence_penalty: Option<Number>,
    pub logit_bias: Option<Map<String, Value>>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum OutputFormat {
    Text,
    JsonObject,
    JsonSchema { name: String, description: Option<String>, schema: RawJson, strict: Option<bool> },
}

/// How much the model should reason before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reasoning {
    Off,
    /// The vendor decides (Anthropic's adaptive thinking), with an optional effort.
    Adaptive {
        effort: Option<Effort>,
    },
    Effort(Effort),
    /// At most this many tokens.
    Budget(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max].into_iter().find(|e| e.as_str() == word)
    }
}

/// The names of request fields that a target dialect or vendor could not express, each once, in the order found.
/// A name is the OpenAI field (`seed`, `logit_bias`, `tool_result_image`) or the origin dialect's own word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Cow<'static, str>>);

impl Dropped {
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

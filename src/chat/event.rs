//! A streamed answer, step by step.

use super::{ApiError, Usage};

/// One step of a streamed answer. `choice` counts answers (`n > 1`), `index` counts tool calls within a choice, dense from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first event. `prompt` is the prompt's usage where the vendor tells it at the start.
    Start {
        id: Option<String>,
        model: Option<String>,
        created: Option<u64>,
        usage: Option<Usage>,
    },
    Text {
        choice: u32,
        text: String,
    },
    Thinking {
        choice: u32,
        text: String,
    },
    /// Proof for the thinking just streamed; ends that thinking block.
    Signature {
        choice: u32,
        signature: String,
    },
    RedactedThinking {
        choice: u32,
        data: String,
    },
    ToolStart {
        choice: u32,
        index: u32,
        id: String,
        name: String,
    },
    /// A fragment of the arguments' JSON text.
    ToolArguments {
        choice: u32,
        index: u32,
        fragment: String,
    },
    Refusal {
        choice: u32,
        text: String,
    },
    Citation {
        choice: u32,
        citation: Citation,
    },
    /// OpenAI's `logprobs` object of the text that follows or just came.
    Logprobs {
        choice: u32,
        value: serde_json::Value,
    },
    Finish {
        choice: u32,
        reason: FinishReason,
        stop_sequence: Option<String>,
    },
    /// Cumulative: a later one replaces an earlier one.
    Usage(Usage),
    /// The vendor is alive but has nothing to say yet.
    Ping,
    /// The vendor reported an error inside the stream. Nothing follows.
    Error(ApiError),
    /// The vendor's own terminal marker: the answer is whole. Nothing follows.
    Done,
}

impl Event {
    /// The choice it is of; 0 for what is of the whole answer.
    pub fn choice(&self) -> u32 {
        match self {
            Self::Text { choice, .. }
            | Self::Thinking { choice, .. }
            | Self::Signature { choice, .. }
            | Self::RedactedThinking { choice, .. }
            | Self::ToolStart { choice, .. }
            | Self::ToolArguments { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Logprobs { choice, .. }
            | Self::Finish { choice, .. } => *choice,
            Self::Start { .. } | Self::Usage(_) | Self::Ping | Self::Error(_) | Self::Done => 0,
        }
    }

    /// How much it says, in bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Text { text, .. } | Self::Thinking { text, .. } | Self::Refusal { text, .. } => text.len(),
            Self::ToolArguments { fragment, .. } => fragment.len(),
            _ => 0,
        }
    }

    /// Whether the client sees something of the answer in it: the commit point is the first such event.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Start { .. } | Self::Usage(_) | Self::Ping | Self::Error(_) | Self::Logprobs { .. } => false,
            Self::Text { text, .. } | Self::Thinking { text, .. } | Self::Refusal { text, .. } => !text.is_empty(),
            Self::ToolArguments { fragment, .. } => !fragment.is_empty(),
            Self::Signature { .. }
            | Self::RedactedThinking { .. }
            | Self::ToolStart { .. }
            | Self::Citation { .. }
            | Self::Finish { .. }
            | Self::Done => true,
        }
    }
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

/// A source that a stretch of the text rests on. Offsets count characters of the choice's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Citation {
    pub url: Option<String>,
    pub title: Option<String>,
    pub start: Option<u64>,
    pub end: Option<u64>,
    /// The citation in its own dialect's words, for a client of that dialect.
    pub native: Option<serde_json::Value>,
}

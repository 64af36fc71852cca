//! What the upstream answers, and so what clients expect to receive: the shapes of OpenAI's and Anthropic's answers in 2025.

use std::ops::Range;

/// The digits of a time in nanoseconds since 1970.
pub const STAMP: usize = 19;

/// Text as models cut it.
const TOKENS: [&str; 16] =
    ["The", " side", "car", " keeps", " every", " byte", ",", " and", " counts", " each", " one", ".", "\\n\\n", "Noth", "ing", " waits"];
const PADDING: &str = "k3VbQz81LmXo0TRc";

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    OpenAi,
    Anthropic,
}

/// A streamed answer: the bytes of its events.
#[derive(Debug, Default)]
pub struct Script {
    pub bytes: Vec<u8>,
    /// Where each event ends.
    pub ends: Vec<usize>,
    /// Where the sender puts the time, one for each content event; empty where it does not.
    pub stamps: Vec<usize>,
    /// All content, as it is escaped in JSON.
    pub text: String,
}

impl Script {
    /// An answer of `chunks` content events.
    pub fn new(format: Format, chunks: usize, stamped: bool) -> Self {
        let mut script = Self::default();
        match format {
            Format::OpenAi => script.open_ai(chunks, stamped),
            Format::Anthropic => script.anthropic(chunks, stamped),
        }
        script
    }

    /// The places of the events in `bytes`.
    pub fn events(&self) -> impl Iterator<Item = Range<usize>> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(self.ends.iter().copied()).map(|(begin, end)| begin..end)
    }

    fn open_ai(&mut self, chunks: usize, stamped: bool) {
        const HEAD: &str = "data: {\"id\":\"chatcmpl-D8EA5nZ0hOZP7LH1T8J9NNIiYa8n1\",\"object\":\"chat.completion.chunk\",\
            \"created\":1770853433,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\
            \"system_fingerprint\":\"fp_8b22347a3e\",\"choices\":[";
        self.push(&format!(
            "{HEAD}{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}},\"logprobs\":null,\
             \"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"Wt2QrSUU\"}}\n\n"
        ));
        for index in 0..chunks {
            let padding = PADDING.get(..4 + index % 9).unwrap_or_default();
            self.content(
                &format!("{HEAD}{{\"index\":0,\"delta\":{{\"content\":\""),
                &format!("\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"{padding}\"}}\n\n"),
                index,
                stamped,
            );
        }
        self.push(&format!(
            "{HEAD}{{\"index\":0,\"delta\":{{}},\"logprobs\":null,\"finish_reason\":\"stop\"}}],\"usage\":null,\"obfuscation\":\"d8o\"}}\n\n"
        ));
        self.push(&format!("{HEAD}],\"usage\":{},\"obfuscation\":\"\"}}\n\n", open_ai_usage(chunks)));
        self.push("data: [DONE]\n\n");
    }

    fn anthropic(&mut self, chunks: usize, stamped: bool) {
        self.push(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-haiku-4-5-20251001\",\
             \"id\":\"msg_011oC3yivUSFxqbo3krQu9Nt\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\
             \"stop_sequence\":null,\"usage\":{\"input_tokens\":180,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
             \"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":1,\
             \"service_tier\":\"standard\"}} }\n\n",
        );
        self.push(
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\
             \"text\":\"\"}  }\n\n",
        );
        self.push("event: ping\ndata: {\"type\": \"ping\"}\n\n");
        for index in 0..chunks {
            let before = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"";
            self.content(before, &format!("\"}}{}}}\n\n", &"        "[..index % 8]), index, stamped);
        }
        self.push("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0   }\n\n");
        self.push(&format!(
            "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}},\
             \"usage\":{{\"input_tokens\":180,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":{chunks}}}}}\n\n"
        ));
        self.push("event: message_stop\ndata: {\"type\":\"message_stop\"      }\n\n");
    }

    fn content(&mut self, before: &str, after: &str, index: usize, stamped: bool) {
        let mut text = token(index).to_owned();
        if stamped {
            text.push_str(" @");
            self.stamps.push(self.bytes.len() + before.len() + text.len());
            text.push_str(&"0".repeat(STAMP));
        }
        self.push(&format!("{before}{text}{after}"));
        self.text.push_str(&text);
    }

    fn push(&mut self, event: &str) {
        self.bytes.extend_from_slice(event.as_bytes());
        self.ends.push(self.bytes.len());
    }
}

fn token(index: usize) -> &'static str {
    TOKENS.get(index % TOKENS.len()).copied().unwrap_or_default()
}

fn open_ai_usage(answer: usize) -> String {
    format!(
        "{{\"prompt_tokens\":180,\"completion_tokens\":{answer},\"total_tokens\":{},\"prompt_tokens_details\":{{\"cached_tokens\":0,\
         \"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":0,\"audio_tokens\":0,\
         \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        180 + answer
    )
}

/// The content of a whole answer, as it is escaped in JSON.
pub fn whole_text() -> String {
    (0..64).map(token).collect()
}

/// A whole answer, about a kilobyte.
pub fn whole(format: Format) -> String {
    let text = whole_text();
    match format {
        Format::OpenAi => format!(
            "{{\n  \"id\": \"chatcmpl-D8EA5nZ0hOZP7LH1T8J9NNIiYa8n1\",\n  \"object\": \"chat.completion\",\n  \"created\": 1770853433,\n  \
             \"model\": \"gpt-4o-mini-2024-07-18\",\n  \"choices\": [\n    {{\n      \"index\": 0,\n      \"message\": {{\n        \
             \"role\": \"assistant\",\n        \"content\": \"{text}\",\n        \"refusal\": null,\n        \"annotations\": []\n      }},\n      \
             \"logprobs\": null,\n      \"finish_reason\": \"stop\"\n    }}\n  ],\n  \"usage\": {},\n  \"service_tier\": \"default\",\n  \
             \"system_fingerprint\": \"fp_8b22347a3e\"\n}}\n",
            open_ai_usage(64)
        ),
        Format::Anthropic => format!(
            "{{\"model\":\"claude-haiku-4-5-20251001\",\"id\":\"msg_011oC3yivUSFxqbo3krQu9Nt\",\"type\":\"message\",\"role\":\"assistant\",\
             \"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":\
             {{\"input_tokens\":180,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":\
             {{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0}},\"output_tokens\":64,\"service_tier\":\"standard\"}}}}"
        ),
    }
}

/// The headers both vendors' answers come with, up to the framing.
pub fn headers(format: Format) -> &'static str {
    match format {
        Format::OpenAi => {
            "date: Mon, 01 Sep 2025 10:00:00 GMT\r\nserver: cloudflare\r\naccess-control-expose-headers: X-Request-ID\r\n\
             openai-organization: example\r\nopenai-processing-ms: 209\r\nopenai-version: 2020-10-01\r\n\
             x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 30000000\r\nx-ratelimit-remaining-requests: 9999\r\n\
             x-ratelimit-remaining-tokens: 29999984\r\nx-ratelimit-reset-requests: 6ms\r\nx-ratelimit-reset-tokens: 0s\r\n\
             x-request-id: req_9c41d57a6f2be8d301f5\r\ncf-ray: 90b1f2c3d4e5f6a7-FRA\r\n"
        }
        Format::Anthropic => {
            "date: Mon, 01 Sep 2025 10:00:00 GMT\r\nserver: cloudflare\r\nanthropic-ratelimit-requests-limit: 4000\r\n\
             anthropic-ratelimit-requests-remaining: 3999\r\nanthropic-ratelimit-requests-reset: 2025-06-09T21:46:40Z\r\n\
             anthropic-ratelimit-tokens-limit: 480000\r\nanthropic-ratelimit-tokens-remaining: 480000\r\n\
             anthropic-ratelimit-tokens-reset: 2025-06-09T21:46:40Z\r\nrequest-id: req_011CPyP4mVdYqDUHxqdFDszC\r\n\
             anthropic-organization-id: 01234567-89ab-cdef\r\nvia: 1.1 google\r\ncf-ray: 90b1f2c3d4e5f6a7-FRA\r\n"
        }
    }
}

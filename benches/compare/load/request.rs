//! A request as the official SDK of OpenAI sends it.

use std::net::SocketAddr;

use crate::upstream::DIRECTIVE;

/// One message of a long conversation.
const TURN: &str = "I have read the report twice now, and I still do not see why the second table should \\\"follow\\\" from the first one.\\n\
    Please go through it line by line: what was counted, over which months, and who decided what to leave out? ";

/// What is asked.
pub struct Request {
    pub host: SocketAddr,
    pub model: String,
    /// The size of the body.
    pub bytes: usize,
    pub stream: bool,
    /// The content events wanted, if slow.
    pub chunks: usize,
    /// The pause between events, in milliseconds; 0: as fast as the upstream can.
    pub slow_ms: u64,
}

impl Request {
    /// The request's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let body = self.body();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\ncontent-type: application/json\r\n\
             user-agent: OpenAI/Python 2.8.1\r\nx-stainless-lang: python\r\nx-stainless-package-version: 2.8.1\r\nx-stainless-os: Linux\r\n\
             x-stainless-arch: x64\r\nx-stainless-runtime: CPython\r\nx-stainless-runtime-version: 3.12.4\r\nx-stainless-retry-count: 0\r\n\
             x-stainless-read-timeout: 600\r\nauthorization: Bearer sk-bench-0123456789abcdef\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        )
        .into_bytes()
    }

    fn body(&self) -> String {
        let slow = match self.slow_ms {
            0 => String::new(),
            pause => format!("{DIRECTIVE}{pause} ms, {})", self.chunks),
        };
        let stream = if self.stream { ",\"stream\":true,\"stream_options\":{\"include_usage\":true}" } else { "" };
        let mut body = format!(
            "{{\"messages\":[{{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"}},{{\"role\":\"user\",\"content\":\"{slow}"
        );
        let end = format!("\"}}],\"model\":\"{}\",\"temperature\":0.7,\"max_tokens\":256{stream}}}", self.model);
        let mut user = true;
        let mut turns = 0;
        while body.len() + end.len() + 2 * TURN.len() < self.bytes {
            body.push_str(TURN);
            turns += 1;
            if turns % 8 == 0 {
                user = !user;
                let role = if user { "user" } else { "assistant" };
                body.push_str(&format!("\"}},{{\"role\":\"{role}\",\"content\":\""));
            }
        }
        body.extend(std::iter::repeat_n('x', self.bytes.saturating_sub(body.len() + end.len())));
        body + &end
    }
}

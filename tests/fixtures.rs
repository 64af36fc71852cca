//! Golden translations: for every dialect, what becomes of a request and of its answer, byte for byte (tests/fixtures/README.md).
//! `BLESS=1 cargo test --test fixtures` writes what is expected anew; a person reads the difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use llm_sidecar::chat::{ApiError, DialectId, Dropped, Event, Request};
use llm_sidecar::codec::Framing;
use llm_sidecar::dialect::{Dialect, Quirks, Reply, Seen, To, Verdict, dialect};
use llm_sidecar::vendor::vendor;

/// What every dialect has to have, as a vendor and as a client.
const CASES: [&str; 15] = [
    "text",
    "text_stream",
    "tool_call",
    "tool_call_stream",
    "tool_result",
    "thinking",
    "thinking_stream",
    "image",
    "structured_output",
    "system_and_sampling",
    "stop_length",
    "usage_with_cache",
    "usage_with_cache_stream",
    "error",
    "error_stream",
];

/// What a dialect has no words for, and so no case of.
fn lacks(side: Side, id: DialectId, case: &str) -> bool {
    // It continues a text: there is no conversation, and nothing in it but text.
    const BEYOND_TEXT: [&str; 7] =
        ["tool_call", "tool_call_stream", "tool_result", "thinking", "thinking_stream", "image", "structured_output"];
    match (side, id) {
        (Side::Client, DialectId::OpenAiCompletions) => BEYOND_TEXT.contains(&case),
        (Side::Vendor, DialectId::OpenAiCompletions) => BEYOND_TEXT.contains(&case) || case == "system_and_sampling",
        (_, DialectId::OllamaGenerate) => case.starts_with("tool_"),
        _ => false,
    }
}

/// The vendor of the catalogue that stands for a dialect, and a model of its.
const EXAMPLES: &[(DialectId, &str, &str)] = &[
    (DialectId::OpenAiChat, "openai", "gpt-5.1"),
    (DialectId::OpenAiCompletions, "openai_completions", "gpt-3.5-turbo-instruct"),
    (DialectId::AnthropicMessages, "anthropic", "claude-sonnet-4-5"),
    (DialectId::Gemini, "gemini", "gemini-2.5-flash"),
    (DialectId::OpenAiResponses, "openai_responses", "gpt-5.1"),
    (DialectId::Ollama, "ollama", "qwen3:8b"),
    (DialectId::OllamaGenerate, "ollama_generate", "qwen3:8b"),
    (DialectId::Cohere, "cohere", "command-a-reasoning-08-2025"),
    (DialectId::DashScope, "qwen_native", "qwen-plus"),
    (DialectId::BedrockConverse, "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
];

#[derive(Clone, Copy)]
enum Side {
    Vendor,
    Client,
}

impl Side {
    /// Whom the dialect faces: the client's dialect and the vendor's.
    fn pair(self, id: DialectId) -> (DialectId, DialectId) {
        match (self, id) {
            // Relayed.
            (Self::Vendor, _) => (DialectId::OpenAiChat, id),
            (Self::Client, DialectId::OpenAiChat) => (id, DialectId::AnthropicMessages),
            (Self::Client, _) => (id, DialectId::OpenAiChat),
        }
    }

    fn folder(self, id: DialectId) -> PathBuf {
        let side = if matches!(self, Self::Vendor) { "vendor" } else { "client" };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(id.as_str()).join(side)
    }
}

#[test]
fn every_translation_is_as_written_down() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for id in DialectId::ALL {
        for side in [Side::Vendor, Side::Client] {
            let folder = side.folder(id);
            let wanted: BTreeSet<String> = CASES.iter().filter(|case| !lacks(side, id, case)).map(|case| (*case).to_owned()).collect();
            let there: BTreeSet<String> =
                fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            wrong.extend(wanted.symmetric_difference(&there).map(|case| format!("{}: missing or unknown", folder.join(case).display())));
            for case in wanted.intersection(&there) {
                Case::read(side, id, &folder.join(case)).check(bless, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{} fixtures differ (see tests/fixtures/README.md):\n{}", wrong.len(), wrong.join("\n"));
}

/// One case and who takes part in it.
struct Case<'a> {
    folder: &'a Path,
    client: &'static dyn Dialect,
    vendor: &'static dyn Dialect,
    quirks: &'static Quirks,
    model: &'static str,
    stream: bool,
    request: Bytes,
}

impl<'a> Case<'a> {
    fn read(side: Side, id: DialectId, folder: &'a Path) -> Self {
        let (client, vendor_id) = side.pair(id);
        let (_, name, model) = *EXAMPLES.iter().find(|(of, ..)| *of == vendor_id).expect("every dialect has its example");
        let stream = folder.to_str().unwrap().ends_with("_stream");
        let request = fs::read(folder.join("client_request.json")).unwrap().into();
        let quirks = &vendor(name).unwrap().quirks;
        Self { folder, client: dialect(client), vendor: dialect(vendor_id), quirks, model, stream, request }
    }

    fn check(&self, bless: bool, wrong: &mut Vec<String>) {
        // Ids that are made up are the same in every run.
        fastrand::seed(1);
        let (body, dropped) = self.write_request();
        let dropped: String = dropped.iter().map(|field| format!("{field}\n")).collect();
        let answer = self.answer();
        let answer = if self.stream { answer } else { pretty(&answer) };
        let answer_file = format!("client_answer.{}", if self.stream { extension(self.client.framing()) } else { "json" });
        for (file, bytes) in [("upstream_request.json", pretty(&body)), ("dropped.txt", dropped.into()), (&answer_file, answer)] {
            let path = self.folder.join(file);
            let expected = fs::read(&path).unwrap_or_default();
            if expected == bytes {
                continue;
            }
            match (bless, bytes.is_empty()) {
                (true, true) => fs::remove_file(&path).unwrap(),
                (true, false) => fs::write(&path, bytes).unwrap(),
                (false, _) => wrong.push(format!("{}:\n{}", path.display(), String::from_utf8_lossy(&bytes))),
            }
        }
    }

    fn is_relayed(&self) -> bool {
        self.client.id() == self.vendor.id()
    }

    fn write_request(&self) -> (Bytes, Dropped) {
        let to = To { model: self.model, quirks: self.quirks, want_usage: true };
        let written = if self.is_relayed() {
            self.client.edit_request(&self.request, &to)
        } else {
            let request = self.client.read_request(&self.request).expect("the client's request is read");
            self.vendor.write_request(&Request { stream: self.stream, ..request }, &to)
        };
        let written = written.unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
        (written.body, written.dropped)
    }

    fn reply(&self) -> Reply {
        let view = self.client.view(&self.request).unwrap();
        Reply {
            requested_model: if view.model.is_empty() { "fast".to_owned() } else { view.model },
            upstream_model: self.model.to_owned(),
            include_usage: view.include_usage,
            prompt_estimate: 12,
            created: 1_760_000_000,
            request: self.request.clone(),
        }
    }

    /// What the client gets for the upstream's answer.
    fn answer(&self) -> Vec<u8> {
        let framing = self.vendor.framing();
        let file = format!("upstream_answer.{}", if self.stream { extension(framing) } else { "json" });
        let answer = fs::read(self.folder.join(&file)).unwrap_or_else(|_| panic!("{}/{file} is missing", self.folder.display()));
        let reply = self.reply();
        if self.stream {
            let mut out = BytesMut::new();
            let ended = if self.is_relayed() { self.relay(&answer, &reply, &mut out) } else { self.translate(&answer, &reply, &mut out) };
            assert_eq!(ended.is_err(), self.folder.ends_with("error_stream"), "{}: {ended:?}", self.folder.display());
            if let Err(error) = ended {
                self.client.write_error_event(&error, &mut out);
            }
            return out.to_vec();
        }
        if self.folder.ends_with("error") {
            let error = self.vendor.read_error(429, &answer);
            assert_eq!(self.client.client_status(&error), 429, "{}", self.folder.display());
            return self.client.write_error(&error, "req_1");
        }
        if self.is_relayed() {
            return self.client.edit_response(answer.into(), &reply, self.quirks).unwrap().body.to_vec();
        }
        let response = self.vendor.read_response(&answer).unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
        self.client.write_response(response, &reply)
    }

    fn translate(&self, answer: &[u8], reply: &Reply, out: &mut BytesMut) -> Result<(), ApiError> {
        let (mut decoder, mut encoder, mut events) = (self.vendor.decoder(), self.client.encoder(reply), Vec::new());
        let framing = self.vendor.framing();
        let mut decoded = frames(framing, answer).into_iter().try_for_each(|raw| match framing.read(raw).expect("a frame") {
            Some(frame) => decoder.frame(frame.name, &frame.data, &mut events),
            None => Ok(()),
        });
        if decoded.is_ok() {
            decoded = decoder.end(&mut events);
        }
        for event in events {
            match event {
                // The proxy ends the stream there, in the client's words.
                Event::Error(error) => return Err(error),
                event => encoder.event(event, out),
            }
        }
        decoded
    }

    fn relay(&self, answer: &[u8], reply: &Reply, out: &mut BytesMut) -> Result<(), ApiError> {
        let (mut tap, mut seen) = (self.client.tap(reply, self.quirks), Seen::default());
        for raw in frames(self.vendor.framing(), answer) {
            match tap.event(raw, &mut seen) {
                Verdict::Pass => out.extend_from_slice(raw),
                Verdict::Replace(bytes) => out.extend_from_slice(&bytes),
                Verdict::Drop => {}
                Verdict::Fail(error) => return Err(error),
            }
        }
        out.extend_from_slice(&tap.end(&mut seen)?);
        Ok(())
    }
}

/// The frames of a whole stream; what follows the last one's end is one more.
fn frames(framing: Framing, mut bytes: &[u8]) -> Vec<&[u8]> {
    let (mut splitter, mut frames) = (framing.splitter(), Vec::new());
    while let Some((frame, rest)) = splitter.frame_end(bytes).map(|end| bytes.split_at(end)) {
        frames.push(frame);
        bytes = rest;
    }
    frames.extend((!bytes.is_empty()).then_some(bytes));
    frames
}

fn extension(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "sse",
        Framing::JsonLines => "jsonl",
        Framing::Aws => "eventstream",
    }
}

/// A JSON document, one value a line, so that a difference can be read.
fn pretty(body: &[u8]) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    format!("{value:#}\n").into_bytes()
}

use super::*;
use crate::chat::{Choice, DialectId, Event, FinishReason, Message, Part, Response};

const TTL: Duration = Duration::from_secs(60);

fn vault(max_entries: usize, max_bytes: usize) -> Arc<Vault> {
    Arc::new(Vault::new(Bounds { max_entries, max_bytes, ttl: TTL }, Gauge::default(), Gauge::default()))
}

fn pair(client: &str, maker: &str) -> Pair {
    Pair::of(&[client], &[maker])
}

fn thought(text: &str, signature: &str) -> PartKind {
    PartKind::Thinking { text: text.into(), signature: (!signature.is_empty()).then(|| signature.into()) }
}

fn call(id: &str, arguments: &str) -> PartKind {
    PartKind::ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into(), custom: false }
}

fn message(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() }
}

/// A conversation whose last turn but one is this turn of the assistant's.
fn request(origin: DialectId, asked: &str, turn: Vec<PartKind>) -> Request {
    let result =
        PartKind::ToolResult { id: "c1".into(), name: None, parts: vec![Part::from(PartKind::Text("18".into()))], is_error: false };
    let mut request = Request::new(origin, "m");
    request.messages.push(message(Role::System, vec![PartKind::Text(format!("{asked}: be brief"))]));
    request.messages.push(message(Role::User, vec![PartKind::Text(asked.into())]));
    if !turn.is_empty() {
        request.messages.push(message(Role::Assistant, turn));
        request.messages.push(message(Role::Tool, vec![result]));
    }
    request
}

fn asked(origin: DialectId, text: &str) -> Request {
    request(origin, text, Vec::new())
}

fn answer(kinds: Vec<PartKind>) -> Response {
    let parts = kinds.into_iter().map(Part::from).collect();
    Response { choices: vec![Choice { parts, finish: FinishReason::ToolCalls, ..Choice::default() }], ..Response::default() }
}

fn remember(vault: &Arc<Vault>, pair: &Pair, kinds: Vec<PartKind>, now: Instant) {
    Watch::new(vault, pair.clone(), &asked(DialectId::OpenAiChat, "q")).whole(&answer(kinds), now);
}

/// The assistant's turn as it goes to the vendor.
fn restored(vault: &Vault, pair: &Pair, request: &Request, now: Instant) -> Vec<PartKind> {
    let restored = vault.restore(request, pair, now);
    restored.messages[2].parts.iter().map(|part| part.kind.clone()).collect()
}

fn chat(turn: Vec<PartKind>) -> Request {
    request(DialectId::OpenAiChat, "q", turn)
}

#[test]
fn thinking_goes_back_before_the_call_it_came_with() {
    let (vault, now, pair) = (vault(10, 10_000), Instant::now(), pair("a", "v"));
    let redacted = PartKind::RedactedThinking { data: "blob".into() };
    let said = PartKind::Text("let me see".into());
    let given =
        vec![thought("hm", "s1"), redacted.clone(), said.clone(), call("c1", "{}"), call("c2", "{}"), thought("", "s3"), call("c3", "{}")];
    remember(&vault, &pair, given.clone(), now);
    let plain = vec![said.clone(), call("c1", "{}"), call("c2", "{}"), call("c3", "{}")];
    let expected = [said.clone(), thought("hm", "s1"), redacted, call("c1", "{}"), call("c2", "{}"), thought("", "s3"), call("c3", "{}")];
    assert_eq!(restored(&vault, &pair, &chat(plain.clone()), now), expected);
    // Reasoning that came back as mere text makes room for the signed one.
    let echoed = [vec![thought("hm", "")], plain].concat();
    assert_eq!(restored(&vault, &pair, &chat(echoed), now), expected);
}

#[test]
fn what_the_client_sends_itself_wins() {
    let (vault, now, pair) = (vault(10, 10_000), Instant::now(), pair("a", "v"));
    remember(&vault, &pair, vec![thought("hm", "s1"), call("c1", "{}"), call("c2", "{}")], now);
    for own in [thought("mine", "s9"), PartKind::RedactedThinking { data: "d".into() }] {
        let turn = vec![own, call("c1", "{}"), call("c2", "{}")];
        assert_eq!(restored(&vault, &pair, &chat(turn.clone()), now), turn);
    }
}

#[test]
fn no_client_gets_anothers_thinking_and_no_vendor_either() {
    let (vault, now) = (vault(10, 10_000), Instant::now());
    remember(&vault, &pair("a", "v"), vec![thought("hm", "s1"), call("c1", "{}")], now);
    let plain = chat(vec![call("c1", "{}")]);
    for other in [pair("b", "v"), pair("a", "w"), pair("v", "a"), Pair::of(&["a", ""], &["v"]), Pair::of(&["av"], &[""])] {
        assert!(matches!(vault.restore(&plain, &other, now), Cow::Borrowed(_)));
    }
    assert!(matches!(vault.restore(&chat(vec![call("c2", "{}")]), &pair("a", "v"), now), Cow::Borrowed(_)), "another call");
    assert_eq!(restored(&vault, &pair("a", "v"), &plain, now).len(), 2);
}

#[test]
fn it_is_bounded_in_number_bytes_and_time() {
    let (vault, now, pair) = (vault(2, 10_000), Instant::now(), pair("a", "v"));
    let has = |id: &str, now| restored(&vault, &pair, &chat(vec![call(id, "{}")]), now).len() == 2;
    for id in ["c1", "c2", "c3"] {
        remember(&vault, &pair, vec![thought("hm", "s"), call(id, "{}")], now);
    }
    assert_eq!([has("c1", now), has("c2", now), has("c3", now)], [false, true, true]);
    remember(&vault, &pair, vec![thought(&"x".repeat(10_000), "s"), call("c4", "{}")], now);
    assert!(!has("c4", now), "larger than all of it may be");
    let later = now + TTL / 2;
    assert!(has("c2", later), "and lives a while longer for it");
    assert_eq!([has("c2", now + TTL), has("c3", now + TTL)], [true, false]);
    vault.rebound(Bounds { max_entries: 0, max_bytes: 10_000, ttl: TTL });
    assert!(!vault.is_on() && !has("c2", now));
    let inner = vault.0.lock();
    assert_eq!((inner.entries.get(), inner.bytes.get()), (0, 0));
}

#[test]
fn thinking_that_nobody_signed_is_not_remembered() {
    let (vault, now, pair) = (vault(10, 10_000), Instant::now(), pair("a", "v"));
    remember(&vault, &pair, vec![thought("hm", ""), call("c1", "{}")], now);
    remember(&vault, &pair, vec![thought("hm", "s"), PartKind::Text("no call".into())], now);
    assert_eq!(vault.0.lock().entries.get(), 0);
}

#[test]
fn a_stream_is_remembered_as_the_whole_answer_it_tells() {
    struct Told(Vec<Event>);
    impl crate::dialect::Decode for Told {
        fn frame(&mut self, _: &[u8], _: &[u8], out: &mut Vec<Event>) -> Result<(), crate::chat::ApiError> {
            out.extend((!self.0.is_empty()).then(|| self.0.remove(0)));
            Ok(())
        }

        fn end(&mut self, out: &mut Vec<Event>) -> Result<(), crate::chat::ApiError> {
            out.append(&mut self.0);
            Ok(())
        }
    }
    let thinking = |text: &str| Event::Thinking { choice: 0, text: text.into() };
    let start = |index, id: &str| Event::ToolStart { choice: 0, index, id: id.into(), name: "f".into() };
    let events = vec![
        thinking("h"),
        thinking("m"),
        Event::Signature { choice: 0, signature: "s1".into() },
        start(0, "c1"),
        Event::ToolArguments { choice: 0, index: 0, fragment: "{}".into() },
        Event::Signature { choice: 0, signature: "s2".into() },
        start(1, "c2"),
        Event::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None },
        Event::Done,
    ];
    for at_once in 0..=events.len() {
        let (vault, pair) = (vault(10, 10_000), pair("a", "v"));
        let watch = Watch::new(&vault, pair.clone(), &asked(DialectId::OpenAiChat, "q"));
        let mut stream = watch.over(Box::new(Told(events.clone())));
        let mut out = Vec::new();
        for _ in at_once..events.len() {
            crate::dialect::Decode::frame(&mut stream, b"", b"", &mut out).unwrap();
        }
        if at_once > 2 {
            assert_eq!(vault.0.lock().entries.get(), 0, "the answer has not finished");
        }
        crate::dialect::Decode::end(&mut stream, &mut out).unwrap();
        assert_eq!(out, events);
        let turn = restored(&vault, &pair, &chat(vec![call("c1", "{}"), call("c2", "{}")]), Instant::now());
        assert_eq!(turn, [thought("hm", "s1"), call("c1", "{}"), thought("", "s2"), call("c2", "{}")]);
    }
}

#[test]
fn calls_without_ids_are_known_by_what_was_said_before() {
    let (vault, now, pair) = (vault(10, 10_000), Instant::now(), pair("a", "v"));
    let given = vec![thought("hm", "s1"), call("toolu_1", r#"{"city":"Paris","days":2}"#), call("toolu_2", "{}")];
    Watch::new(&vault, pair.clone(), &asked(DialectId::Ollama, "weather?")).whole(&answer(given), now);
    let turn = |asked: &str, arguments: &str| request(DialectId::Ollama, asked, vec![call("call_1", arguments), call("call_2", "{}")]);
    let parts = |request: &Request| restored(&vault, &pair, request, now).len();
    assert_eq!(parts(&turn("weather?", r#"{"days":2.0,"city":"Paris"}"#)), 3);
    assert_eq!(parts(&turn("weather?", r#"{"days":3,"city":"Paris"}"#)), 2, "another call");
    assert_eq!(parts(&turn("and now?", r#"{"days":2,"city":"Paris"}"#)), 2, "another conversation");
}

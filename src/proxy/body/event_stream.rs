//! A streamed answer on its way through the sidecar, in any framing. Events leave whole and at once: what is held back is only
//! the beginning of an event whose end has not come. Relayed events keep their bytes (the same allocation in and out);
//! translated ones are decoded and encoded on the way. All of it happens inside `poll_data`: no task, no channel, and the
//! client's pace is the upstream's.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep};

use super::Aborted;
use super::source::{Item, Source};
use crate::base::outcome::{AttemptClass, Outcome};
use crate::chat::{ApiError, ErrorKind, Event, Fault, Usage};
use crate::codec::{Framing, Splitter};
use crate::dialect::{Decode, Dialect, Encode, Seen, Tap, Verdict};
use crate::proxy::attempt::BYTES_PER_TOKEN;
use crate::proxy::meter::Meter;

/// What may come before the first content without the answer being taken for begun.
const MAX_PREAMBLE: usize = 16 << 10;
/// How long the upstream's connection may stay open after its answer's last event, so that it can be used again.
const LINGER: Duration = Duration::from_millis(250);
/// Between the error event and the unclean end, for the event to leave.
const PARTING: Duration = Duration::from_millis(20);

/// How events get from the upstream's dialect to the client's.
pub(in crate::proxy) enum Mode {
    Relay(Box<dyn Tap>),
    Translate { decoder: Box<dyn Decode>, encoder: Box<dyn Encode>, events: Vec<Event> },
}

pub struct EventStream {
    source: Source,
    /// The upstream's; a relayed stream keeps it.
    framing: Framing,
    splitter: Splitter,
    /// The beginning of an event.
    held: BytesMut,
    max_event: usize,
    mode: Mode,
    seen: Seen,
    out: VecDeque<Bytes>,
    buffer: BytesMut,
    client: &'static dyn Dialect,
    state: State,
    meter: Option<Box<Meter>>,
    /// Content that came before there was a meter: when, and about how many bytes.
    pieces: Vec<(Instant, u64)>,
    /// What broke it before there was a meter.
    unrecorded: Option<Box<ApiError>>,
    pace: Pace,
}

/// Whether a stream keeps to the least rate it may have.
struct Pace {
    /// Tokens a second; 0 asks for none.
    least: u32,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Over which a stream's rate is taken.
    const SPAN: Duration = Duration::from_secs(30);

    fn new(least: u32) -> Self {
        Self { least, since: Instant::now(), bytes: 0 }
    }

    /// More content came. False where the last span brought too little.
    fn keeps(&mut self, now: Instant, bytes: u64) -> bool {
        if self.least == 0 {
            return true;
        }
        self.bytes += bytes;
        let span = now.saturating_duration_since(self.since);
        if span < Self::SPAN {
            return true;
        }
        let keeps = (self.bytes / BYTES_PER_TOKEN) as f64 >= f64::from(self.least) * span.as_secs_f64();
        *self = Self { least: self.least, since: now, bytes: 0 };
        keeps
    }
}

enum State {
    /// Nothing has been sent to the client.
    Priming,
    Open,
    /// The last event is out; the upstream's end is awaited.
    Lingering,
    Ended,
    /// The error event is out (or about to be). The timer begins when it has been taken.
    Failed(Option<Pin<Box<Sleep>>>),
}

impl EventStream {
    /// In a box: it goes from the exchange into the answer's body, and is large.
    pub(in crate::proxy) fn new(
        source: Source,
        framing: Framing,
        mode: Mode,
        client: &'static dyn Dialect,
        max_event: usize,
        min_tokens_per_second: u32,
    ) -> Box<Self> {
        Box::new(Self {
            source,
            framing,
            splitter: framing.splitter(),
            held: BytesMut::new(),
            max_event,
            mode,
            seen: Seen::default(),
            out: VecDeque::new(),
            buffer: BytesMut::new(),
            client,
            state: State::Priming,
            meter: None,
            pieces: Vec::new(),
            unrecorded: None,
            pace: Pace::new(min_tokens_per_second),
        })
    }

    /// Reads on until something of the answer has come. An error until then can still become an HTTP status, or another attempt.
    pub(in crate::proxy) async fn prime(&mut self) -> Result<(), ApiError> {
        std::future::poll_fn(|cx| self.poll_prime(cx)).await
    }

    fn poll_prime(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApiError>> {
        while !self.seen.content && !self.seen.done && self.out.iter().map(Bytes::len).sum::<usize>() < MAX_PREAMBLE {
            let step = match ready!(self.source.poll_next(cx)) {
                Ok(Item::Data(data)) => self.take(data),
                Ok(Item::Quiet) => Ok(()),
                Ok(Item::End) => self.end(),
                Err(error) => Err(error),
            };
            // An error that comes right behind content, in the same packet, is told in the stream.
            if let Err(error) = step {
                if !self.seen.content {
                    return Poll::Ready(Err(error));
                }
                self.fail(error);
                return Poll::Ready(Ok(()));
            }
        }
        if matches!(self.state, State::Priming) {
            self.state = State::Open;
        }
        if !self.seen.content {
            self.source.note_content(Instant::now());
        }
        Poll::Ready(Ok(()))
    }

    /// The answer goes to the client now; what follows is told in the stream.
    pub(in crate::proxy) fn commit(&mut self, mut meter: Box<Meter>) {
        for (at, bytes) in self.pieces.drain(..) {
            meter.content(at, bytes);
        }
        self.meter = Some(meter);
        if let Some(error) = self.unrecorded.take() {
            self.record_failure(*error);
        }
    }

    /// The media type of what the client gets.
    pub(in crate::proxy) fn content_type(&self) -> &'static str {
        self.client.framing().content_type()
    }

    pub(in crate::proxy) fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            if let Some(bytes) = self.out.pop_front() {
                if let Some(meter) = &mut self.meter {
                    meter.sent(&bytes);
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Failed(parting) => {
                    let parting = parting.get_or_insert_with(|| Box::pin(tokio::time::sleep(PARTING)));
                    ready!(parting.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(Aborted)));
                }
                State::Lingering => {
                    // Whatever comes now is not part of the answer, and no reason to doubt it.
                    match ready!(self.source.poll_next(cx)) {
                        Ok(Item::Data(_) | Item::Quiet) => continue,
                        Ok(Item::End) | Err(_) => {}
                    }
                    self.state = State::Ended;
                }
                State::Priming | State::Open => {
                    if self.seen.done {
                        self.check_done();
                        continue;
                    }
                    if self.aborted() {
                        self.fail(shutting_down());
                        continue;
                    }
                    let step = match ready!(self.source.poll_next(cx)) {
                        Ok(Item::Data(data)) => self.take(data),
                        Ok(Item::Quiet) => {
                            let heartbeat = self.client.heartbeat();
                            if !heartbeat.is_empty() {
                                self.out.push_back(Bytes::from_static(heartbeat));
                            }
                            Ok(())
                        }
                        Ok(Item::End) => self.end(),
                        Err(error) => Err(error),
                    };
                    match step {
                        Ok(()) => self.check_done(),
                        Err(error) => self.fail(error),
                    }
                }
            }
        }
    }

    fn aborted(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.worker().drain.is_aborted())
    }

    /// Takes bytes of the upstream and notes whether there was content in them: only that keeps a stream alive.
    fn take(&mut self, chunk: Bytes) -> Result<(), ApiError> {
        let before = std::mem::take(&mut self.seen.content);
        let said = self.seen.said;
        let taken = self.take_events(chunk);
        let keeps_pace = !self.seen.content || self.note_content((self.seen.said - said).max(BYTES_PER_TOKEN));
        self.seen.content |= before;
        taken.and(if keeps_pace { Ok(()) } else { Err(too_slow()) })
    }

    /// Every event that is complete with these bytes goes to `out`.
    fn take_events(&mut self, chunk: Bytes) -> Result<(), ApiError> {
        let mut run = 0; // where the bytes that pass as they are begin
        let mut at = 0;
        while let Some(length) = self.splitter.frame_end(chunk.get(at..).unwrap_or_default()) {
            let end = at + length;
            let whole = chunk.get(at..end).unwrap_or_default();
            let straddles = !self.held.is_empty();
            if straddles {
                self.held.extend_from_slice(whole);
            }
            if self.held.len().max(whole.len()) > self.max_event {
                self.pass(&chunk, run, at);
                return Err(event_too_large(self.max_event));
            }
            match &mut self.mode {
                Mode::Relay(tap) => {
                    let raw = if straddles { &self.held[..] } else { whole };
                    match tap.event(raw, &mut self.seen) {
                        Verdict::Pass if straddles => {
                            self.out.push_back(self.held.split().freeze());
                            run = end;
                        }
                        Verdict::Pass => {}
                        verdict => {
                            self.pass(&chunk, run, at);
                            run = end;
                            self.held.clear();
                            match verdict {
                                Verdict::Replace(bytes) => self.out.push_back(bytes.into()),
                                Verdict::Fail(error) => return Err(error),
                                Verdict::Drop | Verdict::Pass => {}
                            }
                        }
                    }
                }
                Mode::Translate { decoder, encoder, events } => {
                    let raw = if straddles { &self.held[..] } else { whole };
                    let decoded = match self.framing.read(raw) {
                        Ok(Some(frame)) => decoder.frame(frame.name, &frame.data, events),
                        Ok(None) => Ok(()),
                        Err(_) => Err(malformed_frame()),
                    };
                    self.held.clear();
                    run = end;
                    let failed = encode(encoder.as_mut(), events, &mut self.seen, &mut self.buffer);
                    if let Err(error) = failed.and(decoded) {
                        self.flush_buffer();
                        return Err(error);
                    }
                }
            }
            at = end;
            if self.seen.done {
                break;
            }
        }
        self.pass(&chunk, run, at);
        self.flush_buffer();
        if !self.seen.done {
            let rest = chunk.get(at..).unwrap_or_default();
            if self.held.len() + rest.len() > self.max_event {
                return Err(event_too_large(self.max_event));
            }
            self.hold(rest);
        }
        Ok(())
    }

    /// Keeps the beginning of an event. The buffer doubles, but never beyond what an event may have.
    fn hold(&mut self, bytes: &[u8]) {
        let needed = self.held.len() + bytes.len();
        if needed > self.held.capacity() {
            let mut larger = BytesMut::with_capacity(needed.max((needed * 2).min(self.max_event)));
            larger.extend_from_slice(&self.held);
            self.held = larger;
        }
        self.held.extend_from_slice(bytes);
    }

    /// Lets `chunk[from..to]` out as it is.
    fn pass(&mut self, chunk: &Bytes, from: usize, to: usize) {
        if matches!(self.mode, Mode::Relay(_)) && from < to {
            self.out.push_back(if from == 0 && to == chunk.len() { chunk.clone() } else { chunk.slice(from..to) });
        }
    }

    fn flush_buffer(&mut self) {
        if !self.buffer.is_empty() {
            self.out.push_back(self.buffer.split().freeze());
        }
    }

    /// Takes the time of content for deadlines and measurements. False where the stream is slower than it may be.
    fn note_content(&mut self, bytes: u64) -> bool {
        let now = Instant::now();
        self.source.note_content(now);
        match &mut self.meter {
            Some(meter) => meter.content(now, bytes),
            None => self.pieces.push((now, bytes)),
        }
        self.pace.keeps(now, bytes)
    }

    /// Reads a stream that nobody waits for to its end, and tells what it says of its tokens.
    pub(in crate::proxy) async fn drain(mut self) -> Result<Option<Usage>, Aborted> {
        while let Some(bytes) = std::future::poll_fn(|cx| self.poll_data(cx)).await {
            bytes?;
        }
        Ok(self.seen.usage)
    }

    /// The upstream's body ended cleanly: the answer is whole, or it was cut.
    fn end(&mut self) -> Result<(), ApiError> {
        if !self.held.is_empty() {
            // A last event of which only the end is missing is still an event, where the framing can tell.
            match self.framing.closing() {
                b"" => return Err(truncated()),
                closing => self.take(Bytes::from_static(closing))?,
            }
        }
        if self.seen.done {
            return Ok(());
        }
        match &mut self.mode {
            Mode::Relay(tap) => {
                let owed = tap.end(&mut self.seen)?;
                if !owed.is_empty() {
                    self.out.push_back(owed.into());
                }
            }
            Mode::Translate { decoder, encoder, events } => {
                let ended = decoder.end(events);
                let encoded = encode(encoder.as_mut(), events, &mut self.seen, &mut self.buffer);
                self.flush_buffer();
                encoded.and(ended)?;
            }
        }
        if self.seen.done { Ok(()) } else { Err(truncated()) }
    }

    fn check_done(&mut self) {
        if !self.seen.done || !matches!(self.state, State::Open) {
            return;
        }
        if let Some(meter) = &mut self.meter {
            if let Some(usage) = self.seen.usage {
                meter.set_usage(usage);
            }
            // What is still to be taken belongs to the answer.
            self.out.iter().for_each(|bytes| meter.gather(bytes));
            meter.complete();
            meter.attempt_ended(AttemptClass::Success);
        }
        self.state = if self.source.is_over() {
            State::Ended
        } else {
            self.source.end_by(Instant::now() + LINGER);
            State::Lingering
        };
    }

    /// Tells the client in the stream that it broke, and ends it uncleanly.
    fn fail(&mut self, error: ApiError) {
        self.flush_buffer();
        self.held = BytesMut::new();
        let mut event = BytesMut::new();
        self.client.write_error_event(&error, &mut event);
        self.out.push_back(event.freeze());
        self.state = State::Failed(None);
        self.record_failure(error);
    }

    fn record_failure(&mut self, error: ApiError) {
        let Some(meter) = &mut self.meter else {
            self.unrecorded = Some(Box::new(error));
            return;
        };
        if let Some(usage) = self.seen.usage {
            meter.set_usage(usage);
        }
        let truncated = matches!(error.code.as_deref(), Some("upstream_stream_truncated" | "upstream_reset"));
        meter.failed(&error, if truncated { Outcome::Truncated } else { Outcome::Failed });
        let class = meter.class_of_failure(&error);
        meter.attempt_ended(class);
    }
}

fn shutting_down() -> ApiError {
    ApiError::new(503, ErrorKind::Overloaded, Fault::Sidecar, "server_shutting_down", "the sidecar is shutting down")
}

fn too_slow() -> ApiError {
    ApiError::upstream("upstream_too_slow", "the upstream's stream is slower than timeout.min_tokens_per_second")
}

fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}

/// The 502 for bytes that are no frame of the upstream's framing.
pub(in crate::proxy) fn malformed_frame() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is malformed")
}

fn event_too_large(limit: usize) -> ApiError {
    ApiError::upstream(
        "upstream_event_too_large",
        format!("an event of the upstream's stream is larger than {limit} bytes (server.max_event)"),
    )
}

/// Encodes decoded events. An in-band error of the vendor ends the stream.
fn encode(encoder: &mut dyn Encode, events: &mut Vec<Event>, seen: &mut Seen, out: &mut BytesMut) -> Result<(), ApiError> {
    for event in events.drain(..) {
        seen.content |= event.is_content();
        seen.said += event.length() as u64;
        match event {
            Event::Error(error) => return Err(error),
            event => {
                match &event {
                    Event::Usage(usage) | Event::Start { usage: Some(usage), .. } => seen.usage = Some(*usage),
                    Event::Done => seen.done = true,
                    _ => {}
                }
                encoder.event(event, out);
            }
        }
    }
    Ok(())
}

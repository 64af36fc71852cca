//! An answer with a success status, from its head to the first content of its body: relayed or translated, streamed or whole as
//! the client wants it, whatever the vendor made of that wish.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::Instant;

use super::attempt::{Attempt, End};
use super::body::collect::collect;
use super::body::event_stream::{EventStream, Mode, malformed_frame};
use super::body::source::Source;
use super::exchange::Terms;
use super::respond::Answer;
use crate::base::outcome::AttemptClass;
use crate::chat::{ApiError, Collector, Event, Response, Usage, unfold};
use crate::dialect::{Decode, Dialect, Reply, dialect};
use crate::runtime::Target;
use crate::vault::Watch;

/// The parts of an answer that arrives.
pub(super) struct Arriving<'a> {
    pub terms: Terms<'a>,
    pub target: &'a Target,
    /// Both ends speak the same dialect.
    pub same: bool,
    /// The vendor streams it.
    pub streamed: bool,
    pub source: Source,
    pub reply: Reply,
    /// Looks for signed thinking in an answer that is translated.
    pub watch: Option<Watch>,
    /// For the client.
    pub headers: HeaderMap,
}

type Taken = Result<(Answer, Option<Usage>), ApiError>;

impl Arriving<'_> {
    /// Takes the answer.
    pub(super) async fn take(self: Box<Self>, attempt: &mut Attempt) -> Taken {
        match (self.terms.call.view.stream, self.streamed) {
            (true, true) => self.stream(attempt).await,
            (true, false) => self.whole_as_stream(attempt).boxed().await,
            (false, _) => self.whole(attempt).await,
        }
    }

    fn vendor(&self) -> &'static dyn Dialect {
        self.target.speaks(self.terms.call.dialect)
    }

    fn client(&self) -> &'static dyn Dialect {
        dialect(self.terms.call.dialect)
    }

    async fn stream(self: Box<Self>, attempt: &mut Attempt) -> Taken {
        let (vendor, client) = (self.vendor(), self.client());
        let mode = if self.same && !self.terms.call.wants_whole_calls() {
            Mode::Relay(client.tap(&self.reply, &self.target.provider.quirks))
        } else {
            let decoder = vendor.decoder();
            let decoder: Box<dyn Decode> = match self.watch {
                Some(watch) => Box::new(watch.over(decoder)),
                None => decoder,
            };
            Mode::Translate { decoder, encoder: self.terms.call.encoder(&self.reply), events: Vec::new() }
        };
        let (max_event, least) = (self.terms.snapshot.config.server.max_event, self.target.provider.timeout.min_tokens_per_second);
        let mut stream = EventStream::new(self.source, vendor.framing(), mode, client, max_event, least);
        stream.prime().await?;
        attempt.content(Instant::now(), true);
        let usage = stream.usage();
        Ok((Answer::events(stream, self.headers), usage))
    }

    /// The vendor ignored `stream`: its whole answer is told as a stream.
    async fn whole_as_stream(mut self: Box<Self>, attempt: &mut Attempt) -> Taken {
        let (vendor, client) = (self.vendor(), self.client());
        let body = collect(&mut self.source, self.terms.snapshot.config.server.max_response).await?;
        let (length, response) = (body.len(), vendor.read_response(&body)?);
        watched(self.watch, &response);
        let usage = response.usage;
        let mut events = Vec::new();
        unfold(response, &mut events);
        let mut encoder = self.terms.call.encoder(&self.reply);
        let mut text = BytesMut::new();
        events.into_iter().for_each(|event| encoder.event(event, &mut text));
        succeeded(attempt, usage, length);
        let mut answer = Answer::json(text.freeze(), self.headers);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(client.framing().content_type()));
        Ok((answer, usage))
    }

    async fn whole(mut self: Box<Self>, attempt: &mut Attempt) -> Taken {
        let (vendor, client) = (self.vendor(), self.client());
        let body = collect(&mut self.source, self.terms.snapshot.config.server.max_response).await?;
        let length = body.len();
        let (body, usage) = if self.same && !self.streamed {
            let edited = client.edit_response(body, &self.reply, &self.target.provider.quirks)?;
            (edited.body, edited.usage)
        } else {
            // The vendor may stream although it was not asked to: the stream is collected.
            let response = if self.streamed { gather(vendor, &body)? } else { vendor.read_response(&body)? };
            watched(self.watch, &response);
            let usage = response.usage;
            (Bytes::from(client.write_response(response, &self.reply)), usage)
        };
        succeeded(attempt, usage, length);
        Ok((Answer::json(body, self.headers), usage))
    }
}

fn watched(watch: Option<Watch>, response: &Response) {
    if let Some(watch) = watch {
        watch.whole(response, Instant::now());
    }
}

/// All of the answer is here: the upstream has done its part.
pub(super) fn succeeded(attempt: &mut Attempt, usage: Option<Usage>, bytes: usize) {
    let now = Instant::now();
    attempt.content(now, false);
    // The bytes tell of the answer's length only where the vendor does not.
    let delivered = if usage.is_none() { bytes as u64 } else { 0 };
    attempt.end(now, &End { status: 200, usage, delivered, ..End::new(AttemptClass::Success) });
}

/// The answer that a stream at hand tells.
fn gather(vendor: &dyn Dialect, body: &[u8]) -> Result<Response, ApiError> {
    let framing = vendor.framing();
    let mut decoder = vendor.decoder();
    let mut splitter = framing.splitter();
    let mut events = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = splitter.frame_end(rest).unwrap_or(rest.len());
        let (frame, after) = rest.split_at(end.min(rest.len()));
        if let Some(frame) = framing.read(frame).map_err(|_| malformed_frame())? {
            decoder.frame(frame.name, &frame.data, &mut events)?;
        }
        rest = after;
    }
    if !events.contains(&Event::Done) {
        decoder.end(&mut events)?;
    }
    let mut collector = Collector::default();
    for event in events {
        collector.push(event)?;
    }
    collector.finish()
}

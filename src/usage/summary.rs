//! What the access log, the record of use and the span all tell of a request.

use std::cell::OnceCell;
use std::time::Duration;

use crate::base::json::write::{flag, maybe_text, maybe_word, milliseconds, number, word};
use crate::trace::Value;

/// How a request ended, and whose it was.
#[derive(Clone, Debug, Default)]
pub struct Summary<'a> {
    /// When it ended, RFC 3339 in UTC.
    pub time: &'a str,
    pub request_id: &'a str,
    /// `complete`, `truncated`, `failed` or `cancelled`.
    pub outcome: &'static str,
    /// The HTTP status told to the client; 499 where it went away before; 0 where there was no answer and no client.
    pub status: u16,
    pub error: Option<&'a str>,
    pub client: Option<&'a str>,
    pub endpoint: &'static str,
    /// The model as the client named it.
    pub model: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub upstream_model: Option<&'a str>,
    /// These two by [`upstream_members`], where they have been written before.
    pub upstream_members: Option<&'a str>,
    pub stream: bool,
    pub attempts: u32,
    /// What the route's cache did: `hit` and `shared` cost nothing; none where the route has none.
    pub cache: Option<&'static str>,
    pub duration: Duration,
    /// From the request's begin to the first content.
    pub first_token: Option<Duration>,
    /// Empty at first; see [`Summary::members`].
    pub json: OnceCell<Vec<u8>>,
}

/// Provider and upstream model as a summary has them among its members: they are the same for all requests of a target.
pub fn upstream_members(provider: &str, model: &str) -> Box<str> {
    let mut out = Vec::new();
    write_upstream(&mut out, Some(provider), Some(model));
    String::from_utf8(out).unwrap_or_default().into()
}

fn write_upstream(out: &mut Vec<u8>, provider: Option<&str>, model: Option<&str>) {
    maybe_text(out, r#","provider":"#, provider);
    maybe_text(out, r#","upstream_model":"#, model);
}

impl Summary<'_> {
    /// As members of a JSON object, without its braces. They are written once, for all lines that hold them.
    pub fn members(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(768);
            self.write(&mut out);
            out
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        word(out, r#""time":"#, self.time);
        word(out, r#","request_id":"#, self.request_id);
        word(out, r#","outcome":"#, self.outcome);
        number(out, r#","status":"#, self.status.into());
        maybe_text(out, r#","error":"#, self.error);
        maybe_text(out, r#","client":"#, self.client);
        word(out, r#","endpoint":"#, self.endpoint);
        maybe_text(out, r#","model":"#, self.model);
        match self.upstream_members {
            Some(members) => out.extend_from_slice(members.as_bytes()),
            None => write_upstream(out, self.provider, self.upstream_model),
        }
        flag(out, r#","stream":"#, self.stream);
        number(out, r#","attempts":"#, self.attempts.into());
        maybe_word(out, r#","cache":"#, self.cache);
        milliseconds(out, r#","duration_ms":"#, Some(self.duration));
        milliseconds(out, r#","first_token_ms":"#, self.first_token);
    }

    /// All it tells but the time, as attributes for an OpenTelemetry collector, by the names of the GenAI semantic conventions where
    /// these have one.
    pub fn attributes(&self) -> Vec<(&'static str, Value)> {
        let mut attributes = Vec::with_capacity(40);
        attributes.extend([
            ("llm.request_id", self.request_id.to_owned().into()),
            ("llm.endpoint", self.endpoint.into()),
            ("llm.outcome", self.outcome.into()),
            ("llm.attempts", u64::from(self.attempts).into()),
            ("llm.stream", self.stream.into()),
        ]);
        if self.status > 0 {
            attributes.push(("http.response.status_code", u64::from(self.status).into()));
        }
        let texts = [
            ("error.type", self.error),
            ("llm.client", self.client),
            ("gen_ai.request.model", self.model),
            ("gen_ai.response.model", self.upstream_model),
            ("llm.provider", self.provider),
            ("llm.cache", self.cache),
        ];
        attributes.extend(texts.into_iter().filter_map(|(name, text)| Some((name, Value::short(text?)))));
        if let Some(after) = self.first_token.filter(|_| self.stream) {
            attributes.push(("llm.time_to_first_token", Value::seconds(after)));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_upstream_that_were_written_before_are_the_same() {
        let (provider, model) = ("main", "a \"b\"\n");
        let plain = Summary { provider: Some(provider), upstream_model: Some(model), ..Summary::default() };
        let written = upstream_members(provider, model);
        let before = Summary { upstream_members: Some(&written), ..plain.clone() };
        assert_eq!(String::from_utf8_lossy(plain.members()), String::from_utf8_lossy(before.members()));
    }
}

//! A record as a line of JSON.

use super::record::{Money, OtherAttempt, Record, Tokens};
use crate::base::json::write::{flag, maybe_text, member, milliseconds, number, text};
use crate::base::kind::Kind;
use crate::price::Cost;

impl Record<'_> {
    /// As one line of JSON, its end included.
    pub fn write(&self, out: &mut Vec<u8>) {
        text(out, r#"{"time":"#, self.time);
        text(out, r#","request_id":"#, self.request_id);
        text(out, r#","outcome":"#, self.outcome);
        number(out, r#","status":"#, self.status.into());
        maybe_text(out, r#","error":"#, self.error);
        maybe_text(out, r#","client":"#, self.client);
        member(out, r#","tags":"#, &self.tags);
        text(out, r#","endpoint":"#, self.endpoint);
        maybe_text(out, r#","model":"#, self.model);
        maybe_text(out, r#","provider":"#, self.provider);
        maybe_text(out, r#","upstream_model":"#, self.upstream_model);
        flag(out, r#","stream":"#, self.stream);
        flag(out, r#","mirror":"#, self.mirror);
        flag(out, r#","degraded":"#, self.degraded);
        maybe_text(out, r#","cache":"#, self.cache);
        number(out, r#","attempts":"#, self.attempts.into());
        maybe(out, r#","tokens":"#, self.tokens, tokens);
        maybe_text(out, r#","tokens_source":"#, self.tokens_source);
        maybe(out, r#","cost":"#, self.cost, money);
        maybe(out, r#","cost_by_kind":"#, self.cost_by_kind, kinds);
        maybe(out, r#","reported_cost":"#, self.reported_cost, money);
        maybe_text(out, r#","cost_unknown":"#, self.cost_unknown);
        maybe_text(out, r#","price_version":"#, self.price_version);
        out.extend_from_slice(br#","other_attempts":["#);
        for (number, attempt) in self.other_attempts.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            other(out, attempt);
        }
        milliseconds(out, r#"],"duration_ms":"#, Some(self.duration));
        milliseconds(out, r#","first_token_ms":"#, self.first_token);
        out.extend_from_slice(b"}\n");
    }
}

/// A member whose value `write` writes, `null` where there is none.
fn maybe<T>(out: &mut Vec<u8>, name: &'static str, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, &T)) {
    out.extend_from_slice(name.as_bytes());
    match &value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn tokens(out: &mut Vec<u8>, tokens: &Tokens) {
    number(out, r#"{"prompt":"#, tokens.prompt);
    number(out, r#","completion":"#, tokens.completion);
    number(out, r#","cached":"#, tokens.cached);
    number(out, r#","cache_write":"#, tokens.cache_write);
    number(out, r#","cache_write_1h":"#, tokens.cache_write_1h);
    number(out, r#","reasoning":"#, tokens.reasoning);
    number(out, r#","audio_input":"#, tokens.audio_input);
    number(out, r#","audio_output":"#, tokens.audio_output);
    number(out, r#","image_input":"#, tokens.image_input);
    number(out, r#","image_output":"#, tokens.image_output);
    text(out, r#","service_tier":"#, tokens.service_tier.as_str());
    out.push(b'}');
}

fn money(out: &mut Vec<u8>, money: &Money) {
    number(out, r#"{"nano":"#, money.nano);
    text(out, r#","currency":"#, money.currency.as_str());
    out.push(b'}');
}

/// The kinds of use that cost something.
fn kinds(out: &mut Vec<u8>, cost: &Cost) {
    let mut before = b'{';
    for kind in Kind::ALL {
        let nano = cost.of(kind);
        if nano > 0 {
            out.extend_from_slice(&[before, b'"']);
            out.extend_from_slice(kind.as_str().as_bytes());
            number(out, "\":", nano);
            before = b',';
        }
    }
    // Nothing cost anything.
    if before == b'{' {
        out.push(before);
    }
    out.push(b'}');
}

fn other(out: &mut Vec<u8>, attempt: &OtherAttempt<'_>) {
    text(out, r#"{"provider":"#, attempt.provider);
    text(out, r#","model":"#, attempt.model);
    text(out, r#","class":"#, attempt.class);
    maybe(out, r#","tokens":"#, attempt.tokens, tokens);
    maybe(out, r#","cost":"#, attempt.cost, money);
    maybe(out, r#","reported_cost":"#, attempt.reported_cost, money);
    maybe_text(out, r#","cost_unknown":"#, attempt.cost_unknown);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::service_tier::ServiceTier;
    use crate::price::Currency;

    fn written(record: &Record<'_>) -> Value {
        let mut line = Vec::new();
        record.write(&mut line);
        assert!(line.ends_with(b"}\n"));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn a_record_is_one_json_object_with_every_member() {
        let usd = |nano| Money { nano, currency: Currency::USD };
        let all = Tokens {
            prompt: 1,
            completion: 2,
            cached: 3,
            cache_write: 4,
            cache_write_1h: 5,
            reasoning: 6,
            audio_input: 7,
            audio_output: 8,
            image_input: 9,
            image_output: 10,
            service_tier: ServiceTier::Standard,
        };
        let expected = json!({"prompt": 1, "completion": 2, "cached": 3, "cache_write": 4, "cache_write_1h": 5, "reasoning": 6,
            "audio_input": 7, "audio_output": 8, "image_input": 9, "image_output": 10, "service_tier": "standard"});
        let tags = ["a".to_owned(), "b".to_owned()];
        let other = OtherAttempt {
            provider: "p",
            model: "m",
            label: "m",
            class: "timeout",
            tokens: Some(all),
            cost: Some(usd(1)),
            reported_cost: None,
            cost_unknown: None,
        };
        let mut record = Record {
            time: "2026-01-02T03:04:05Z",
            request_id: "r",
            outcome: "complete",
            status: 200,
            error: None,
            client: Some("a \"b\""),
            tags: &tags,
            endpoint: "/v1/chat/completions",
            model: Some("\u{1}é"),
            provider: None,
            upstream_model: None,
            label: None,
            stream: true,
            mirror: false,
            degraded: false,
            cache: Some("miss"),
            attempts: 3,
            tokens: Some(all),
            tokens_source: Some("vendor"),
            cost: Some(usd(5)),
            cost_by_kind: None,
            reported_cost: Some(usd(6)),
            answer_reported: None,
            currency: Currency::USD,
            cost_unknown: None,
            price_version: Some("v"),
            other_attempts: vec![other.clone(), other],
            duration: std::time::Duration::from_micros(1250),
            first_token: None,
        };
        let other = json!({"provider": "p", "model": "m", "class": "timeout", "tokens": expected, "cost": {"nano": 1, "currency": "USD"},
            "reported_cost": null, "cost_unknown": null});
        let whole = json!({
            "time": "2026-01-02T03:04:05Z", "request_id": "r", "outcome": "complete", "status": 200, "error": null, "client": "a \"b\"",
            "tags": ["a", "b"], "endpoint": "/v1/chat/completions", "model": "\u{1}é", "provider": null, "upstream_model": null,
            "stream": true, "mirror": false, "degraded": false, "cache": "miss", "attempts": 3, "tokens": expected,
            "tokens_source": "vendor", "cost": {"nano": 5, "currency": "USD"}, "cost_by_kind": null,
            "reported_cost": {"nano": 6, "currency": "USD"}, "cost_unknown": null, "price_version": "v", "other_attempts": [other, other],
            "duration_ms": 1.25, "first_token_ms": null,
        });
        assert_eq!(written(&record), whole);
        (record.tokens, record.other_attempts) = (None, Vec::new());
        let bare = written(&record);
        assert_eq!((&bare["tokens"], &bare["other_attempts"]), (&Value::Null, &json!([])));
    }
}

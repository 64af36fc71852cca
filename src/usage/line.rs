//! A record as a line of JSON.

use super::record::{Money, OtherAttempt, Record, Tokens};
use crate::base::json::write::{flag, maybe_word, number, text, texts, word};
use crate::base::kind::Kind;
use crate::price::Cost;

impl Record<'_> {
    /// As one line of JSON, its end included.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(self.summary.members());
        if self.tags.is_empty() && !self.mirror && !self.degraded {
            // As nearly always.
            out.extend_from_slice(br#","tags":[],"mirror":false,"degraded":false"#);
        } else {
            texts(out, r#","tags":"#, self.tags);
            flag(out, r#","mirror":"#, self.mirror);
            flag(out, r#","degraded":"#, self.degraded);
        }
        maybe(out, r#","tokens":"#, self.tokens.as_ref(), tokens);
        maybe_word(out, r#","tokens_source":"#, self.tokens_source);
        maybe(out, r#","cost":"#, self.cost.as_ref(), money);
        maybe(out, r#","cost_by_kind":"#, self.cost_by_kind.as_ref(), kinds);
        maybe(out, r#","reported_cost":"#, self.reported_cost.as_ref(), money);
        maybe_word(out, r#","cost_unknown":"#, self.cost_unknown);
        maybe_word(out, r#","price_version":"#, self.price_version);
        out.extend_from_slice(br#","other_attempts":["#);
        for (number, attempt) in self.other_attempts.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            other(out, attempt);
        }
        out.extend_from_slice(b"]}\n");
    }
}

/// A member whose value `write` writes, `null` where there is none.
fn maybe<T>(out: &mut Vec<u8>, name: &'static str, value: Option<&T>, write: impl FnOnce(&mut Vec<u8>, &T)) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// What most answers have.
const NO_PARTS: &str = concat!(
    r#","cached":0,"cache_write":0,"cache_write_1h":0,"reasoning":0"#,
    r#","audio_input":0,"audio_output":0,"image_input":0,"image_output":0"#
);

fn tokens(out: &mut Vec<u8>, tokens: &Tokens) {
    number(out, r#"{"prompt":"#, tokens.prompt);
    number(out, r#","completion":"#, tokens.completion);
    if tokens.has_parts() {
        number(out, r#","cached":"#, tokens.cached);
        number(out, r#","cache_write":"#, tokens.cache_write);
        number(out, r#","cache_write_1h":"#, tokens.cache_write_1h);
        number(out, r#","reasoning":"#, tokens.reasoning);
        number(out, r#","audio_input":"#, tokens.audio_input);
        number(out, r#","audio_output":"#, tokens.audio_output);
        number(out, r#","image_input":"#, tokens.image_input);
        number(out, r#","image_output":"#, tokens.image_output);
    } else {
        out.extend_from_slice(NO_PARTS.as_bytes());
    }
    word(out, r#","service_tier":"#, tokens.service_tier.as_str());
    out.push(b'}');
}

fn money(out: &mut Vec<u8>, money: &Money) {
    number(out, r#"{"nano":"#, money.nano);
    word(out, r#","currency":"#, money.currency.as_bytes());
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
    word(out, r#","class":"#, attempt.class);
    maybe(out, r#","tokens":"#, attempt.tokens.as_ref(), tokens);
    maybe(out, r#","cost":"#, attempt.cost.as_ref(), money);
    maybe(out, r#","reported_cost":"#, attempt.reported_cost.as_ref(), money);
    maybe_word(out, r#","cost_unknown":"#, attempt.cost_unknown);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::service_tier::ServiceTier;
    use crate::price::Currency;
    use crate::usage::Summary;

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
        let summary = Summary {
            time: "2026-01-02T03:04:05Z",
            request_id: "r",
            outcome: "complete",
            status: 200,
            client: Some("a \"b\""),
            endpoint: "/v1/chat/completions",
            model: Some("\u{1}é"),
            stream: true,
            attempts: 3,
            cache: Some("miss"),
            duration: std::time::Duration::from_micros(1250),
            ..Summary::default()
        };
        let mut record = Record {
            tags: &tags,
            tokens: Some(all),
            tokens_source: Some("vendor"),
            cost: Some(usd(5)),
            reported_cost: Some(usd(6)),
            price_version: Some("v"),
            other_attempts: vec![other.clone(), other],
            ..Record::of(&summary, Currency::USD)
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
        let plain = Tokens::from(crate::chat::Usage { prompt: 1, completion: 2, ..Default::default() });
        record.tokens = Some(plain);
        assert_eq!(
            written(&record)["tokens"],
            json!({"prompt": 1, "completion": 2, "cached": 0, "cache_write": 0, "cache_write_1h": 0,
            "reasoning": 0, "audio_input": 0, "audio_output": 0, "image_input": 0, "image_output": 0, "service_tier": "standard"})
        );
        (record.tokens, record.other_attempts) = (None, Vec::new());
        let bare = written(&record);
        assert_eq!((&bare["tokens"], &bare["other_attempts"]), (&Value::Null, &json!([])));
    }
}

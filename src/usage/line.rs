//! A record as a line of JSON.

use super::record::{Money, OtherAttempt, Record, Tokens};
use crate::base::json::write::{Value, members};
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
            let names = [r#","tags":"#, r#","mirror":"#, r#","degraded":"#];
            members(out, &names, &[Value::Texts(self.tags), Value::Flag(self.mirror), Value::Flag(self.degraded)]);
        }
        tokens(out, self.tokens.as_ref());
        members(out, &[r#","tokens_source":"#], &[Value::maybe_word(self.tokens_source)]);
        money(out, r#","cost":"#, self.cost.as_ref());
        out.extend_from_slice(br#","cost_by_kind":"#);
        kinds(out, self.cost_by_kind.as_ref());
        money(out, r#","reported_cost":"#, self.reported_cost.as_ref());
        let names = [r#","cost_unknown":"#, r#","price_version":"#];
        members(out, &names, &[Value::maybe_word(self.cost_unknown), Value::maybe_word(self.price_version)]);
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

/// What most answers have.
const NO_PARTS: &[u8] =
    br#","cached":0,"cache_write":0,"cache_write_1h":0,"reasoning":0,"audio_input":0,"audio_output":0,"image_input":0,"image_output":0"#;

fn tokens(out: &mut Vec<u8>, tokens: Option<&Tokens>) {
    let Some(tokens) = tokens else { return out.extend_from_slice(br#","tokens":null"#) };
    let names = [r#","tokens":{"prompt":"#, r#","completion":"#];
    members(out, &names, &[Value::Number(tokens.prompt), Value::Number(tokens.completion)]);
    if tokens.has_parts() {
        let names = [
            r#","cached":"#,
            r#","cache_write":"#,
            r#","cache_write_1h":"#,
            r#","reasoning":"#,
            r#","audio_input":"#,
            r#","audio_output":"#,
            r#","image_input":"#,
            r#","image_output":"#,
        ];
        let parts = [
            tokens.cached,
            tokens.cache_write,
            tokens.cache_write_1h,
            tokens.reasoning,
            tokens.audio_input,
            tokens.audio_output,
            tokens.image_input,
            tokens.image_output,
        ];
        members(out, &names, &parts.map(Value::Number));
    } else {
        out.extend_from_slice(NO_PARTS);
    }
    members(out, &[r#","service_tier":"#], &[Value::word(tokens.service_tier.as_str())]);
    out.push(b'}');
}

/// `name` is all that stands before the value.
fn money(out: &mut Vec<u8>, name: &'static str, money: Option<&Money>) {
    out.extend_from_slice(name.as_bytes());
    match money {
        Some(Money { nano, currency }) => {
            members(out, &[r#"{"nano":"#, r#","currency":"#], &[Value::Number(*nano), Value::Word(currency.as_bytes())]);
            out.push(b'}');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// The kinds of use that cost something.
fn kinds(out: &mut Vec<u8>, cost: Option<&Cost>) {
    let Some(cost) = cost else { return out.extend_from_slice(b"null") };
    out.push(b'{');
    let mut comma = "";
    for kind in Kind::ALL {
        let nano = cost.of(kind);
        if nano == 0 {
            continue;
        }
        out.extend_from_slice(comma.as_bytes());
        out.push(b'"');
        out.extend_from_slice(kind.as_str().as_bytes());
        members(out, &["\":"], &[Value::Number(nano)]);
        comma = ",";
    }
    out.push(b'}');
}

fn other(out: &mut Vec<u8>, attempt: &OtherAttempt<'_>) {
    let names = [r#"{"provider":"#, r#","model":"#, r#","class":"#];
    members(out, &names, &[Value::Text(attempt.provider), Value::Text(attempt.model), Value::word(attempt.class)]);
    tokens(out, attempt.tokens.as_ref());
    money(out, r#","cost":"#, attempt.cost.as_ref());
    money(out, r#","reported_cost":"#, attempt.reported_cost.as_ref());
    members(out, &[r#","cost_unknown":"#], &[Value::maybe_word(attempt.cost_unknown)]);
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

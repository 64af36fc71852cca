//! An estimate of a request's tokens, for vendors that cannot count them. It serves every dialect. It errs upwards: clients that plan by it compact
//! their conversation a little early instead of too late.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};

use super::shape::{self, Scalar, Shape};

/// Bytes of ASCII text or JSON a token stands for.
const BYTES_PER_TOKEN: u64 = 4;
/// What an image or a document counts as, whatever its size. A picture of a megapixel costs about this.
pub(super) const MEDIA_TOKENS: u64 = 1600;
/// Base64 from this length on is media, not text.
const MEDIA_MIN_BYTES: usize = 256;
/// Up to this length media weigh no more as text than they count as media.
const LIGHT_MEDIA: usize = (MEDIA_TOKENS * BYTES_PER_TOKEN) as usize;
/// What the framing of a request costs.
const BASE_TOKENS: u64 = 3;

/// About how many tokens a request's system prompt, messages and tools are. Never fails: a body that is no JSON counts by its length.
pub fn estimate_tokens(body: &[u8]) -> u64 {
    let weight = match std::str::from_utf8(body).map(serde_json::from_str::<Top>) {
        Ok(Ok(Top(weight))) => weight,
        _ => body.len() as u64,
    };
    BASE_TOKENS + weight.div_ceil(BYTES_PER_TOKEN)
}

/// The same at a glance, for reserving tokens until the vendor has counted them: by the body's length alone, unless there may be
/// media in it, whose length says nothing.
pub fn estimate_tokens_roughly(body: &[u8]) -> u64 {
    if may_hold_media(body) { estimate_tokens(body) } else { BASE_TOKENS + (body.len() as u64).div_ceil(BYTES_PER_TOKEN) }
}

/// Looks at samples that lie so close together that none of the media whose length matters can hide between them.
fn may_hold_media(body: &[u8]) -> bool {
    let samples = (0..body.len()).step_by(LIGHT_MEDIA - MEDIA_MIN_BYTES);
    samples.filter_map(|at| body.get(at..at + MEDIA_MIN_BYTES)).any(|sample| sample.iter().all(|byte| is_base64(*byte)))
}

/// About how many tokens a text is.
pub(super) fn text_tokens(text: &str) -> u64 {
    weigh(text).div_ceil(BYTES_PER_TOKEN)
}

/// A quarter of a token for each ASCII character; a whole one for any other, as most scripts need about that many.
fn weigh(text: &str) -> u64 {
    text.chars().map(|c| if c.is_ascii() { 1 } else { BYTES_PER_TOKEN }).sum()
}

/// The weight of the top-level object's fields that are part of the prompt.
struct Top(u64);

impl Shape for Top {
    fn scalar(_: Scalar<'_>) -> Self {
        Self(0)
    }
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Weight::array(items).map(|weight| Self(weight.0))
    }
    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Key {
            System,
            #[serde(alias = "contents", alias = "input", alias = "prompt")]
            Messages,
            #[serde(alias = "systemInstruction", alias = "system_instruction")]
            Instructions,
            #[serde(alias = "toolConfig")]
            Tools,
            #[serde(other)]
            Other,
        }
        let mut total = 0;
        while let Some(key) = fields.next_key::<Key>()? {
            let weight = fields.next_value::<Weight>()?;
            if !matches!(key, Key::Other) {
                total += weight.0;
            }
        }
        Ok(Self(total))
    }
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

/// The weight of everything inside a value.
struct Weight(u64);

impl Shape for Weight {
    fn scalar(value: Scalar<'_>) -> Self {
        match value {
            Scalar::Text(text) if is_media(text) => Self(MEDIA_TOKENS * BYTES_PER_TOKEN),
            Scalar::Text(text) => Self(weigh(text)),
            Scalar::Null | Scalar::Bool(_) | Scalar::Uint(_) | Scalar::Number => Self(BYTES_PER_TOKEN),
        }
    }
    fn array<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut total = 0;
        while let Some(Self(weight)) = items.next_element()? {
            total += weight;
        }
        Ok(Self(total))
    }
    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
        let mut total = 0;
        while let Some((Self(key), Self(value))) = fields.next_entry()? {
            total += key + value;
        }
        Ok(Self(total))
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

/// Base64, by itself or in a `data:` URL (RFC 2397).
fn is_media(text: &str) -> bool {
    let data = text.strip_prefix("data:").and_then(|url| url.split_once(";base64,")).map_or(text, |(_, data)| data);
    data.len() >= MEDIA_MIN_BYTES && data.bytes().all(is_base64)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_of_a_length_that_matters_are_never_overlooked() {
        for before in (0..LIGHT_MEDIA).step_by(97) {
            let body = format!("{}\"{}\" tail", " ".repeat(before), "A".repeat(LIGHT_MEDIA));
            assert!(may_hold_media(body.as_bytes()), "{before}");
        }
        assert!(!may_hold_media("plain words ".repeat(10_000).as_bytes()));
    }

    #[test]
    fn at_a_glance_text_counts_by_its_length_and_media_do_not() {
        let text = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(10_000));
        let (rough, exact) = (estimate_tokens_roughly(text.as_bytes()), estimate_tokens(text.as_bytes()));
        assert!(rough.abs_diff(exact) < 20, "{rough}, {exact}");
        let media = "A".repeat(4 << 20);
        for body in [
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{media}"}}}}]}}]}}"#
            ),
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"input_audio","input_audio":{{"data":"{media}","format":"wav"}}}}]}}]}}"#
            ),
            format!(r#"{{"messages":[{{"role":"user","content":"x","images":["{media}"]}}]}}"#),
        ] {
            assert_eq!(estimate_tokens_roughly(body.as_bytes()), estimate_tokens(body.as_bytes()));
            assert!(estimate_tokens_roughly(body.as_bytes()) < 2000, "{}", &body[..80]);
        }
    }

    #[test]
    fn a_sentence_tools_and_an_image_are_of_the_right_size() {
        let text = br#"{"model":"m","messages":[{"role":"user","content":"How many tokens are in this sentence?"}]}"#;
        let sentence = estimate_tokens(text);
        assert!((8..=25).contains(&sentence), "{sentence}");
        let chinese = estimate_tokens("{\"messages\":[\"你好你好你好你好\"]}".as_bytes());
        assert!((8..=14).contains(&chinese), "{chinese}");
        let image = format!(r#"{{"messages":[{{"source":{{"data":"{}"}}}}]}}"#, "iVBO".repeat(100_000));
        assert!((1600..1700).contains(&estimate_tokens(image.as_bytes())));
        let tools = br#"{"messages":[],"tools":[{"name":"f","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#;
        assert!(estimate_tokens(tools) > 12);
    }

    #[test]
    fn what_is_no_json_counts_by_its_length() {
        assert_eq!(estimate_tokens(&[b'x'; 400]), 103);
    }
}

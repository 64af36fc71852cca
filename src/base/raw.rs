//! A JSON object that keeps its keys' order and its values' exact bytes, so that editing one field leaves the rest untouched.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json;

/// A shorter text is not worth a copy.
const LONG: usize = 64;

/// Serializes a text that may be long: serde_json looks at every single byte for what has to be escaped. For `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn text<S: Serializer>(text: &impl AsRef<str>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = text.as_ref();
    if text.len() < LONG {
        return serializer.serialize_str(text);
    }
    let mut quoted = Vec::new();
    json::write::string(&mut quoted, text);
    match String::from_utf8(quoted).ok().and_then(|quoted| RawValue::from_string(quoted).ok()) {
        Some(raw) => raw.serialize(serializer),
        None => serializer.serialize_str(text),
    }
}

/// The same of one that may be missing.
///
/// # Errors
/// Those of the serializer.
pub fn maybe_text<S: Serializer>(maybe: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match maybe {
        Some(some) => text(some, serializer),
        None => serializer.serialize_none(),
    }
}

/// An object as a list of (key, raw value). A repeated key is an error: two readers could otherwise disagree on it.
#[derive(Debug, Default)]
pub struct RawObject<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl<'a> RawObject<'a> {
    pub fn parse(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_ref())
    }

    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Replaces the value in place, or appends the field.
    pub fn set(&mut self, key: &'a str, value: Box<RawValue>) {
        match self.fields.iter_mut().find(|(k, _)| k == key) {
            Some((_, slot)) => *slot = Cow::Owned(value),
            None => self.fields.push((Cow::Borrowed(key), Cow::Owned(value))),
        }
    }

    /// The same for a key that is owned.
    pub fn set_owned(&mut self, key: String, value: Box<RawValue>) {
        match self.fields.iter_mut().find(|(k, _)| *k == key) {
            Some((_, slot)) => *slot = Cow::Owned(value),
            None => self.fields.push((Cow::Owned(key), Cow::Owned(value))),
        }
    }

    /// Replaces the value of a field that is there; says whether it is.
    pub fn replace(&mut self, key: &str, value: Box<RawValue>) -> bool {
        match self.fields.iter_mut().find(|(k, _)| k == key) {
            Some((_, slot)) => {
                *slot = Cow::Owned(value);
                true
            }
            None => false,
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Cow<'a, RawValue>> {
        let at = self.fields.iter().position(|(k, _)| k == key)?;
        Some(self.fields.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.fields.iter().map(|(k, v)| (k.as_ref(), v.as_ref()))
    }

    /// The object as JSON text. Values are copied byte for byte.
    pub fn write(&self) -> Vec<u8> {
        let size = self.fields.iter().map(|(k, v)| k.len() + v.get().len() + 6).sum::<usize>() + 2;
        let mut out = Vec::with_capacity(size);
        out.push(b'{');
        for (at, (key, value)) in self.fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            // Writing a string to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut out, key);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
        out
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        #[derive(serde::Deserialize)]
        struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

        impl<'de> Visitor<'de> for Fields {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, Cow<'de, RawValue>)> = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    if fields.iter().any(|(k, _)| *k == key) {
                        return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
                    }
                    fields.push((key, Cow::Borrowed(value)));
                }
                Ok(RawObject { fields })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl serde::Serialize for RawObject<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A JSON value from something serialisable. Strings, numbers and trees of them always serialise.
pub fn to_raw(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_written_as_short_ones_are() {
        #[derive(serde::Serialize)]
        struct Wire<'t> {
            #[serde(serialize_with = "text")]
            one: &'t str,
            #[serde(serialize_with = "maybe_text")]
            other: Option<String>,
            #[serde(serialize_with = "maybe_text")]
            none: Option<String>,
        }
        for given in ["", "short \"one\"", &"x".repeat(LONG), &"\"a\\b\u{1}\u{7f}\nnaïve 漢字 😀".repeat(9)] {
            let wire = Wire { one: given, other: Some(given.to_owned()), none: None };
            let expected = serde_json::to_string(given).unwrap();
            let expected = format!(r#"{{"one":{expected},"other":{expected},"none":null}}"#);
            assert_eq!(serde_json::to_string(&wire).unwrap(), expected);
            assert_eq!(serde_json::to_value(&wire).unwrap(), serde_json::from_str::<serde_json::Value>(&expected).unwrap());
        }
    }

    #[test]
    fn an_edit_leaves_every_other_byte_alone() {
        let text = br#"{"z": 1.50, "model":"a","x":{"k" : [1, 2]}}"#;
        let mut object = RawObject::parse(text).unwrap();
        object.set("model", to_raw(&"b"));
        assert_eq!(object.write(), br#"{"z":1.50,"model":"b","x":{"k" : [1, 2]}}"#);
        object.remove("z");
        object.set("stream", to_raw(&true));
        assert_eq!(object.write(), br#"{"model":"b","x":{"k" : [1, 2]},"stream":true}"#);
    }

    #[test]
    fn an_escaped_duplicate_is_still_a_duplicate() {
        let error = RawObject::parse(br#"{"model":"a","mod\u0065l":"b"}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate field `model`"), "{error}");
    }
}

//! One value of the tree as serde sees it.

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Context, Error, Unknown};
use crate::config::node::{Entry, Node, Position, Scalar, Value};
use crate::config::suggest::{nearest, one_of};

/// The name under which serde asks for a [`super::OneOrList`].
const ONE_OR_LIST: &str = "OneOrList";

#[derive(Clone, Copy)]
pub(super) struct De<'a> {
    pub(super) node: &'a Node,
    pub(super) context: &'a Context,
}

impl<'a> De<'a> {
    fn scalar(&self, expected: &str) -> Result<&'a Scalar, Error> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.is_null() => Err(de::Error::custom(format_args!("the value is empty; expected {expected}"))),
            Value::Scalar(scalar) => Ok(scalar),
            Value::List(_) => Err(de::Error::custom(format_args!("expected {expected}, found a list"))),
            Value::Map(_) => Err(de::Error::custom(format_args!("expected {expected}, found a mapping"))),
            Value::Broken => Err(de::Error::custom("unusable value")),
        }
    }

    fn wrong_kind<T>(&self, expected: &str) -> Result<T, Error> {
        self.scalar(expected).and_then(|_| Err(de::Error::custom(format_args!("expected {expected}, found a single value"))))
    }

    /// Adds this value's place to an error that has none.
    fn placed<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| Error { at: error.at.or(Some(self.node.at)), ..error })
    }

    fn any<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(self.map(entries, None)),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), context: self.context }),
            Value::Scalar(scalar) if scalar.is_null() => visitor.visit_unit(),
            Value::Scalar(scalar) if scalar.quoted => visitor.visit_str(&scalar.text),
            Value::Scalar(Scalar { text, .. }) => match text.as_str() {
                "true" | "True" | "TRUE" => visitor.visit_bool(true),
                "false" | "False" | "FALSE" => visitor.visit_bool(false),
                _ => match (text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(number), _, _) => visitor.visit_u64(number),
                    (_, Ok(number), _) => visitor.visit_i64(number),
                    (_, _, Ok(number)) if number.is_finite() => visitor.visit_f64(number),
                    _ => visitor.visit_str(text),
                },
            },
            Value::Broken => Err(de::Error::custom("unusable value")),
        }
    }

    fn map(&self, entries: &'a [Entry], known: Option<&'static [&'static str]>) -> Entries<'a> {
        Entries { entries: entries.iter(), value: None, known, parent: self.node.at, context: self.context }
    }

    fn bool<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Error> {
        let scalar = self.scalar("`true` or `false`")?;
        match scalar.text.as_str() {
            "true" | "True" | "TRUE" if !scalar.quoted || scalar.resolved => visitor.visit_bool(true),
            "false" | "False" | "FALSE" if !scalar.quoted || scalar.resolved => visitor.visit_bool(false),
            other => Err(de::Error::custom(format_args!("expected `true` or `false`, found `{other}`"))),
        }
    }

    fn unsigned<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Error> {
        let scalar = self.scalar("a whole number")?;
        match scalar.text.parse::<u64>() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => Err(de::Error::custom(format_args!("expected a whole number, found `{}`", scalar.text))),
        }
    }

    fn string<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.scalar("a text")?.text)
    }

    fn list<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), context: self.context }),
            _ => self.wrong_kind("a list"),
        }
    }

    fn mapping<V: Visitor<'a>>(&self, known: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(self.map(entries, known)),
            _ => self.wrong_kind("a mapping"),
        }
    }

    fn choice<V: Visitor<'a>>(&self, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let text = &self.scalar(&one_of(variants.iter().copied()))?.text;
        if variants.contains(&text.as_str()) {
            let variant: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
            return visitor.visit_enum(variant);
        }
        Err(de::Error::custom(match nearest(text, variants.iter().copied()) {
            Some(near) => format!("`{text}` is not known; did you mean `{near}`?"),
            None => format!("expected {}, found `{text}`", one_of(variants.iter().copied())),
        }))
    }
}

impl<'a> Deserializer<'a> for De<'a> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.any(visitor))
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.bool(visitor))
    }

    fn deserialize_u32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.unsigned(visitor))
    }

    fn deserialize_u64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.unsigned(visitor))
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.string(visitor))
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.string(visitor))
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(_) if name == ONE_OR_LIST => {
                let items = Items { items: std::slice::from_ref(self.node).iter(), context: self.context };
                visitor.visit_newtype_struct(SeqAccessDeserializer::new(items))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.list(visitor))
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        self.placed(self.mapping(None, visitor))
    }

    fn deserialize_struct<V: Visitor<'a>>(self, _: &'static str, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.placed(self.mapping(Some(fields), visitor))
    }

    fn deserialize_enum<V: Visitor<'a>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.placed(self.choice(variants, visitor))
    }

    // Kinds that no key of the model has.
    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The values to read, without those found wrong before.
fn usable(node: &Node, context: &Context) -> bool {
    !matches!(node.value, Value::Broken) && !context.skip.borrow().contains(&node.at)
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    context: &'a Context,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let context = self.context;
        match self.items.find(|item| usable(item, context)) {
            Some(node) => seed.deserialize(De { node, context }).map(Some),
            None => Ok(None),
        }
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
    /// The keys of the struct; `None` if any key will do.
    known: Option<&'static [&'static str]>,
    parent: Position,
    context: &'a Context,
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for entry in self.entries.by_ref() {
            match self.known {
                Some(known) if !known.contains(&entry.key.as_str()) => {
                    let unknown = Unknown { at: entry.at, key: entry.key.clone(), known, parent: self.parent };
                    self.context.unknown.borrow_mut().push(unknown);
                }
                // A key without a value counts as absent, so that no struct needs to expect it.
                Some(_) if entry.value.is_null() => {}
                _ if usable(&entry.value, self.context) => {
                    self.value = Some(&entry.value);
                    return seed.deserialize(entry.key.as_str().into_deserializer()).map(Some);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(node) => seed.deserialize(De { node, context: self.context }),
            None => Err(de::Error::custom("a value without a key")),
        }
    }
}

//! The outline of a conversation: whether every turn is an object with a role that there is.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};

use crate::dialect::shape::{self, Checked, Scalar, Shape};

/// The list of turns; of bad ones, the first.
pub(super) enum Messages {
    Null,
    NotArray,
    Empty,
    Bad(usize, Turn),
    Good,
}

impl Shape for Messages {
    fn scalar(value: Scalar<'_>) -> Self {
        if matches!(value, Scalar::Null) { Self::Null } else { Self::NotArray }
    }
    fn array<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let (mut count, mut found) = (0, Self::Empty);
        while let Some(turn) = items.next_element::<Turn>()? {
            found = match (found, turn) {
                (bad @ Self::Bad(..), _) => bad,
                (_, Turn::Good) => Self::Good,
                (_, bad) => Self::Bad(count, bad),
            };
            count += 1;
        }
        Ok(found)
    }
    fn object<'de, A: MapAccess<'de>>(fields: A) -> Result<Self, A::Error> {
        Checked::object(fields).map(|_| Self::NotArray)
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

/// One turn.
pub(super) enum Turn {
    NotObject,
    BadRole,
    Good,
}

impl Shape for Turn {
    fn scalar(_: Scalar<'_>) -> Self {
        Self::NotObject
    }
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Checked::array(items).map(|_| Self::NotObject)
    }
    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Key {
            Role,
            #[serde(other)]
            Other,
        }
        let mut turn = Self::BadRole;
        while let Some(key) = fields.next_key::<Key>()? {
            match key {
                Key::Role => turn = fields.next_value::<Role>()?.0,
                Key::Other => {
                    fields.next_value::<Checked>()?;
                }
            }
        }
        Ok(turn)
    }
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

struct Role(Turn);

impl Shape for Role {
    fn scalar(value: Scalar<'_>) -> Self {
        Self(if matches!(value, Scalar::Text("user" | "assistant" | "system")) { Turn::Good } else { Turn::BadRole })
    }
    fn array<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Checked::array(items).map(|_| Self(Turn::BadRole))
    }
    fn object<'de, A: MapAccess<'de>>(fields: A) -> Result<Self, A::Error> {
        Checked::object(fields).map(|_| Self(Turn::BadRole))
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::read(deserializer)
    }
}

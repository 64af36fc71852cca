//! serde and JSON Schema for values with a written form of their own (`30s`, `10/s`, `8MiB`).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::duration::{Time, TimeRange};
use super::hedge::HedgeAfter;
use super::rate::Rate;
use super::size::{Count, Ratio, Size};

/// An amount of money. Not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Decimal);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let amount = Decimal::from_str(text.trim()).ok().filter(|amount| !amount.is_sign_negative());
        amount.map(Self).ok_or_else(|| format!("`{text}` is not an amount of money: write it like `2.50`"))
    }
}

/// Reads what `FromStr` understands; its error is the message.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// `$type` is read from text; its schema is a string (or a `number`, where one will do) of this pattern.
macro_rules! written {
    ($type:ident, $kinds:tt, $pattern:literal, $examples:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": $kinds, "pattern": $pattern, "examples": serde_json::json!($examples)})
            }
        }
    };
}

// Each pattern also admits a reference to the environment or a file.
written!(Time, "string", r"^([0-9]+(ms|s|m|h|d))+$|\$\{", ["500ms", "30s", "10m"]);
written!(TimeRange, "string", r"^([0-9]+(ms|s|m|h|d))+\.\.([0-9]+(ms|s|m|h|d))+$|\$\{", ["100ms..2s"]);
written!(HedgeAfter, "string", r"^(p95|([0-9]+(ms|s|m|h|d))+)$|\$\{", ["p95", "800ms"]);
written!(Rate, "string", r"^[0-9_]+ */ *(s|sec|m|min|h|hour|d|day)$|\$\{", ["10/s", "600/min"]);
written!(Size, ["string", "integer"], r"^[0-9]+ *(B|KiB|MiB|GiB|kB|KB|MB|GB)?$|\$\{", ["8MiB", 65536]);
written!(Ratio, ["string", "number"], r"^[0-9.]+ *%?$|\$\{", ["20%", 0.2]);
written!(Count, ["string", "integer"], r"^[0-9]+ *[KkM]?$|\$\{", ["1M", 1000]);
written!(Amount, ["string", "number"], r"^[0-9]+(\.[0-9]+)?$|\$\{", [2.5, "10.00"]);

//! A vector as its sender wrote it. Numbers stay text as long as nobody wants bytes of them, so none loses a digit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::base::raw::to_raw;
use crate::chat::ApiError;
use crate::dialect::side::malformed;

#[derive(Clone, Debug)]
pub enum Vector {
    /// A JSON list of numbers.
    Numbers(Box<RawValue>),
    /// Little-endian `f32`s.
    Packed(Vec<u8>),
}

impl Vector {
    /// Reads a list of numbers, or a text of base64.
    pub fn read(raw: &RawValue) -> Result<Self, ApiError> {
        if raw.get().starts_with('[') {
            return Ok(Self::Numbers(raw.to_owned()));
        }
        let text: &str = serde_json::from_str(raw.get()).map_err(|_| malformed())?;
        let bytes = STANDARD.decode(text).map_err(|_| malformed())?;
        if bytes.is_empty() || bytes.len() % 4 != 0 { Err(malformed()) } else { Ok(Self::Packed(bytes)) }
    }

    /// The numbers as a JSON list.
    pub fn numbers(&self) -> Result<Box<RawValue>, ApiError> {
        match self {
            Self::Numbers(raw) => floats(raw).map(|_| raw.clone()),
            Self::Packed(bytes) => {
                let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
                if numbers.iter().all(|number| number.is_finite()) { Ok(to_raw(&numbers)) } else { Err(malformed()) }
            }
        }
    }

    /// The numbers as base64 of little-endian `f32`s.
    pub fn base64(&self) -> Result<String, ApiError> {
        Ok(match self {
            Self::Numbers(raw) => {
                let bytes: Vec<u8> = floats(raw)?.into_iter().flat_map(f32::to_le_bytes).collect();
                STANDARD.encode(bytes)
            }
            Self::Packed(bytes) => STANDARD.encode(bytes),
        })
    }
}

/// Two vectors are the same when they are the same as `f32`s.
impl PartialEq for Vector {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.base64(), other.base64()), (Ok(one), Ok(two)) if one == two)
    }
}

fn floats(raw: &RawValue) -> Result<Vec<f32>, ApiError> {
    let numbers: Vec<f32> = serde_json::from_str(raw.get()).map_err(|_| malformed())?;
    let is_good = !numbers.is_empty() && numbers.iter().all(|number| number.is_finite());
    if is_good { Ok(numbers) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vector, ApiError> {
        Vector::read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn numbers_keep_every_digit_and_bytes_are_little_endian() {
        let vector = read("[0.1234567890123456789, -1e-9 ,3]").unwrap();
        assert_eq!(vector.numbers().unwrap().get(), "[0.1234567890123456789, -1e-9 ,3]");
        assert_eq!(read("[1.0,-2.0]").unwrap().base64().unwrap(), "AACAPwAAAMA=");
        assert_eq!(read("\"AACAPwAAAMA=\"").unwrap().numbers().unwrap().get(), "[1.0,-2.0]");
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for text in ["7", "\"AACAP\"", "\"AAC=\"", "\"\"", "null", "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["[]", "[null]", "[\"1\"]", "[1e39]", "[[1]]", "\"AACAfw==\""] {
            assert!(read(text).unwrap().numbers().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_floats_survive_both_encodings(numbers in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO, 1..20)) {
            let vector = Vector::Numbers(to_raw(&numbers));
            let packed = read(&format!("\"{}\"", vector.base64().unwrap())).unwrap();
            prop_assert_eq!(&packed, &vector);
            let again: Vec<f32> = serde_json::from_str(packed.numbers().unwrap().get()).unwrap();
            prop_assert_eq!(again, numbers);
        }
    }
}

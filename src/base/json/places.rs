//! One pass over a JSON text of which nothing is known: it is checked to the letter of RFC 8259, and the places of its outer
//! values are kept. It takes a fraction of the time of building values, and what passes is safe for [`super::members`].
//!
//! Stricter than the RFC in what two readers could take for different things or not take at all: nesting without a bound, lone
//! surrogates, and numbers beyond the range of a double.

use std::ops::Range;

use super::quotes::Quotes;
use super::special;

/// The deepest nesting that is accepted.
const MAX_DEPTH: u32 = 128;
/// The bytes of a long text for which room is made for one place beforehand.
const PLACE_EVERY: usize = 512;

/// What is wrong with a text and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    pub what: &'static str,
    pub at: usize,
}

/// The places of a text's outer values.
#[derive(Debug, Default)]
pub struct Places(Vec<Place>);

/// A member of an object or an item of a list.
#[derive(Debug)]
struct Place {
    /// A member's name as it is written, without its quotes; empty for an item.
    key: Range<usize>,
    value: Range<usize>,
    /// The index of the next place that is not within this one.
    next: usize,
}

/// A list of siblings, as keys (empty for items) and values with an index for [`Places::within`].
pub struct Siblings<'p> {
    places: &'p [Place],
    at: usize,
    end: usize,
}

impl Iterator for Siblings<'_> {
    type Item = (usize, Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.at;
        let place = self.places.get(index).filter(|_| index < self.end)?;
        self.at = place.next;
        Some((index, place.key.clone(), place.value.clone()))
    }
}

impl Places {
    /// Checks bytes, and keeps the places of the values down to `depth`: 1 for the outermost object's own members. Gives the bytes
    /// as the text that they are.
    pub fn read(bytes: &[u8], depth: u32) -> Result<(&str, Self), Flaw> {
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => text,
            // Says where.
            Err(_) => std::str::from_utf8(bytes).map_err(|error| Flaw { what: "invalid UTF-8", at: error.valid_up_to() })?,
        };
        Ok((text, Self::of(text, depth)?))
    }

    /// The same of a text.
    pub fn of(text: &str, depth: u32) -> Result<Self, Flaw> {
        let text = text.as_bytes();
        let mut reader =
            Reader { text, at: 0, quotes: Quotes::new(text), places: Vec::with_capacity(32 + text.len() / PLACE_EVERY), most: depth };
        reader.blanks();
        reader.value(0)?;
        reader.blanks();
        match reader.peek() {
            None => Ok(Self(reader.places)),
            Some(_) => Err(reader.unexpected()),
        }
    }

    /// The outermost object's members, or the outermost list's items.
    pub fn outermost(&self) -> Siblings<'_> {
        Siblings { places: &self.0, at: 0, end: self.0.len() }
    }

    /// What is directly within the value with this index. Nothing where no places were kept so deep.
    pub fn within(&self, index: usize) -> Siblings<'_> {
        Siblings { places: &self.0, at: index + 1, end: self.0.get(index).map_or(0, |place| place.next) }
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    quotes: Quotes<'t>,
    places: Vec<Place>,
    /// Places are kept down to this depth.
    most: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// What is wrong if the present byte cannot stand there.
    #[cold]
    fn unexpected(&self) -> Flaw {
        let what = if self.at < self.text.len() { "unexpected character" } else { "unexpected end" };
        Flaw { what, at: self.at.min(self.text.len()) }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Result<(), Flaw> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn enter(&mut self, depth: u32) -> Result<(), Flaw> {
        if depth > MAX_DEPTH {
            return Err(Flaw { what: "nested too deeply", at: self.at });
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn object(&mut self, depth: u32) -> Result<(), Flaw> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let start = self.at + 1;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            self.string()?;
            let key = start..self.at - 1;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            self.place(key, depth)?;
            if !self.goes_on(b'}')? {
                return Ok(());
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<(), Flaw> {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.place(0..0, depth)?;
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    /// Behind a value: whether another one follows before the bracket.
    fn goes_on(&mut self, bracket: u8) -> Result<bool, Flaw> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blanks();
                Ok(true)
            }
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Reads a value, and keeps its place if it is not too deep.
    fn place(&mut self, key: Range<usize>, depth: u32) -> Result<(), Flaw> {
        if depth > self.most {
            return self.value(depth);
        }
        let (index, start) = (self.places.len(), self.at);
        self.places.push(Place { key, value: start..start, next: index });
        self.value(depth)?;
        let next = self.places.len();
        if let Some(place) = self.places.get_mut(index) {
            place.value.end = self.at;
            place.next = next;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Flaw> {
        word.iter().try_for_each(|byte| self.expect(*byte))
    }

    /// From the first quote to behind the last one.
    #[inline]
    fn string(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        match self.quotes.end(self.at) {
            Some(quote) => {
                self.at = quote + 1;
                Ok(())
            }
            None => self.rest_of_string(),
        }
    }

    /// From behind the first quote, piece by piece: it has escapes of the form `\u1234`, or a flaw.
    fn rest_of_string(&mut self) -> Result<(), Flaw> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = special(rest).unwrap_or(rest.len());
            if let Some(control) = rest.iter().take(plain).position(|byte| *byte < b' ') {
                self.at += control;
                return Err(self.unexpected());
            }
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(_) => self.escape()?,
                None => return Err(self.unexpected()),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// From the backslash to behind the escape.
    fn escape(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let lone = Flaw { what: "lone surrogate in a string", at: start };
                match self.unit()? {
                    0xD800..=0xDBFF if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) => {
                        self.at += 1;
                        if !matches!(self.unit()?, 0xDC00..=0xDFFF) {
                            return Err(lone);
                        }
                    }
                    0xD800..=0xDFFF => return Err(lone),
                    _ => {}
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    /// The UTF-16 unit of `uXXXX`.
    fn unit(&mut self) -> Result<u32, Flaw> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.unexpected())?;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // Only an exponent or hundreds of digits lead out of the range of a double.
        if has_exponent || self.at - start >= 300 {
            let digits = self.text.get(start..self.at).and_then(|digits| std::str::from_utf8(digits).ok());
            if !digits.and_then(|digits| digits.parse::<f64>().ok()).is_some_and(f64::is_finite) {
                return Err(Flaw { what: "number out of range", at: start });
            }
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Flaw> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flaw(text: &str) -> Option<(&'static str, usize)> {
        Places::read(text.as_bytes(), 1).err().map(|flaw| (flaw.what, flaw.at))
    }

    #[test]
    fn flaws_are_found_with_their_place() {
        for (text, expected) in [
            (r#"{"a":"\ud83d\ude00 \\ud800"}"#, None),
            (r#"{"a":"x\ud800"}"#, Some(("lone surrogate in a string", 7))),
            (r#"{"a":"\udc00"}"#, Some(("lone surrogate in a string", 6))),
            (r#"{"a":"\ud800A"}"#, Some(("lone surrogate in a string", 6))),
            (r#"{"a":"\ud800\u0041"}"#, Some(("lone surrogate in a string", 6))),
            (r#"{"a":1e308,"b":[-1.5E+2],"c":true}"#, None),
            (r#"{"a":1e999}"#, Some(("number out of range", 5))),
            (r#"{"a":"1e999 [[["}"#, None),
            (r#"{"a":"unfinished"#, Some(("unexpected end", 16))),
            (r#"{"a":"\u12"#, Some(("unexpected end", 10))),
            ("{\"a\":\"x\ny\"}", Some(("unexpected character", 7))),
            ("\n{ \"a\"\t: 1\r}\n", None),
            ("{\"a\":1}x", Some(("unexpected character", 7))),
        ] {
            assert_eq!(flaw(text), expected, "{text}");
        }
        assert_eq!(flaw(&"[".repeat(129)), Some(("nested too deeply", 128)));
        assert_eq!(flaw(&("[".repeat(128) + &"]".repeat(128))), None);
        assert!(flaw(&format!("[{}]", "9".repeat(400))).is_some());
        assert_eq!(Places::read(b"\"\xff\"", 1).unwrap_err(), Flaw { what: "invalid UTF-8", at: 1 });
    }

    #[test]
    fn places_are_kept_down_to_the_depth() {
        let text = r#"{"a": [ {"b":"c","d":{"e":1}}, 2 ], "f":null}"#;
        let places = Places::of(text, 3).unwrap();
        let show = |siblings: Siblings<'_>| siblings.map(|(_, key, value)| format!("{}={}", &text[key], &text[value])).collect::<Vec<_>>();
        assert_eq!(show(places.outermost()), [r#"a=[ {"b":"c","d":{"e":1}}, 2 ]"#, "f=null"]);
        let (list, ..) = places.outermost().next().unwrap();
        assert_eq!(show(places.within(list)), [r#"={"b":"c","d":{"e":1}}"#, "=2"]);
        let (item, ..) = places.within(list).next().unwrap();
        assert_eq!(show(places.within(item)), [r#"b="c""#, r#"d={"e":1}"#]);
        let deepest = places.within(item).last().map(|(index, ..)| index).unwrap();
        assert!(show(places.within(deepest)).is_empty());
        assert_eq!(Places::of(text, 1).unwrap().outermost().count(), 2);
    }

    proptest! {
        /// The parser that everything else here uses is the judge, but for what this one is stricter in.
        #[test]
        fn it_takes_what_a_parser_takes(text in r#"[\[\]{}:,"\\ \n0-9eE.+\-a-fnrtu/]{0,24}"#) {
            let ours = Places::read(text.as_bytes(), 2);
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            match &ours {
                Ok(_) => prop_assert!(parsed.is_ok(), "{}", text),
                Err(flaw) if flaw.what.starts_with("unexpected") => prop_assert!(parsed.is_err(), "{}", text),
                Err(_) => {}
            }
        }

        #[test]
        fn a_valid_text_is_taken_and_any_cut_of_it_refused(value in crate::base::json::tests::value(), at in any::<prop::sample::Index>()) {
            let text = serde_json::to_vec(&value).unwrap();
            prop_assert!(Places::read(&text, 3).is_ok());
            let cut = at.index(text.len());
            if text.starts_with(b"{") {
                prop_assert!(Places::read(text.get(..cut).unwrap(), 3).is_err());
            }
        }
    }
}

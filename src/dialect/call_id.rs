//! Tool-call ids as vendors take them. A history may hold ids of any vendor, or of the client's own making; each vendor has its
//! own idea of what one looks like. An id of that form stays as it is. Any other is mapped by a hash and no state, so that a
//! call and its result still match, in this request and in every later one.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// What a vendor takes as an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// 1 to so many letters, digits, `_` and `-`; so many are at least 13.
    Word(usize),
    /// Anything of 1 to so many bytes, which are at least 13.
    Short(usize),
    /// Exactly so many letters and digits.
    Code(usize),
}

/// Takes nothing that any vendor but Mistral and OpenAI's older API would refuse.
pub const WORD: Form = Form::Word(64);

/// How much of an id stays visible in what it is mapped to, and how many digits of its hash follow.
const VISIBLE: usize = 32;
const DIGITS: usize = 12;

/// The id in this form. Different ids stay different.
pub fn accepted(id: &str, form: Form) -> Cow<'_, str> {
    if fits(id, form) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(match form {
        Form::Word(most) | Form::Short(most) => {
            let digits = code(hash(id), DIGITS);
            let visible = id.chars().filter(|c| is_of_word(*c)).take(most.saturating_sub(DIGITS + 1).min(VISIBLE));
            visible.chain(['_']).chain(digits.chars()).collect()
        }
        Form::Code(length) => code(hash(id), length),
    })
}

fn fits(id: &str, form: Form) -> bool {
    match form {
        Form::Word(most) => (1..=most).contains(&id.len()) && id.chars().all(is_of_word),
        Form::Short(most) => (1..=most).contains(&id.len()),
        Form::Code(length) => id.len() == length && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// FNV-1a over 128 bits: unlike the standard library's hash it is the same in every build.
fn hash(id: &str) -> u128 {
    id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

/// The hash in digits of 62.
fn code(mut hash: u128, length: usize) -> String {
    const ALL: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut code = String::with_capacity(length);
    for _ in 0..length {
        let digit = ALL.get(usize::try_from(hash % 62).unwrap_or_default()).copied().unwrap_or(b'0');
        code.push(char::from(digit));
        hash /= 62;
    }
    code
}

/// The ids of one request, for vendors that want each call's to be its own. Some clients count their calls anew in every turn.
pub struct Unique {
    form: Form,
    used: HashSet<String>,
}

impl Unique {
    pub fn new(form: Form) -> Self {
        Self { form, used: HashSet::new() }
    }

    /// The id to write for the next call; its result has to be given the same.
    pub fn next<'a>(&mut self, id: &'a str) -> Cow<'a, str> {
        let accepted = accepted(id, self.form);
        let mut unique = accepted.clone();
        let mut count = 1;
        while !self.used.insert(unique.clone().into_owned()) {
            count += 1;
            unique = Cow::Owned(self::accepted(&format!("{accepted}_{count}"), self.form).into_owned());
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [Form; 4] = [WORD, Form::Short(40), Form::Code(9), Form::Word(20)];

    fn ids() -> Vec<String> {
        let long = "call_".to_owned() + &"0123456789".repeat(200);
        let others = ["", " ", "call.1:x", "call.1;x", "functions.f:0", "functions.f:1", "é", "tooluse_-"];
        others.into_iter().map(str::to_owned).chain([long.clone() + "a", long + "b"]).collect()
    }

    #[test]
    fn ids_of_the_form_stay_as_they_are() {
        for (id, form) in [("toolu_01-aB", WORD), ("call.1:x", Form::Short(40)), ("Already9x", Form::Code(9)), (&"x".repeat(64), WORD)] {
            assert_eq!(accepted(id, form), id);
        }
    }

    #[test]
    fn others_become_distinct_ones_of_the_form_always_the_same() {
        for form in FORMS {
            let mut seen = HashSet::new();
            for id in ids() {
                let mapped = accepted(&id, form).into_owned();
                assert!(fits(&mapped, form), "{form:?} {id:.20} {mapped}");
                assert_eq!(accepted(&mapped, form), mapped, "mapped once and for all");
                assert_eq!(accepted(&id, form), mapped);
                assert!(seen.insert(mapped), "{form:?} {id:.20}");
            }
        }
    }

    #[test]
    fn a_vendors_form_of_an_id_that_another_has_mapped_is_still_one_id() {
        // A client of one vendor's API sees the mapped id, and its history may go to any other vendor.
        for (one, other) in FORMS.into_iter().flat_map(|one| FORMS.map(|other| (one, other))) {
            let distinct: HashSet<String> = ids().iter().map(|id| accepted(&accepted(id, one), other).into_owned()).collect();
            assert_eq!(distinct.len(), ids().len(), "{one:?} {other:?}");
        }
    }

    #[test]
    fn calls_that_share_an_id_are_told_apart() {
        for form in FORMS {
            let mut unique = Unique::new(form);
            let written: HashSet<String> = (0..50).map(|_| unique.next("call.1").into_owned()).collect();
            assert_eq!(written.len(), 50);
            assert!(written.iter().all(|id| fits(id, form)));
        }
    }
}

//! Takes the ids out of calls and results for vendors that refuse them. They belong together by their order then, so that a
//! turn's results are put into the order of the calls before it.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::raw::{RawObject, to_raw};

/// The names of the two kinds of parts.
const CALL: [&str; 2] = ["functionCall", "function_call"];
const RESULT: [&str; 2] = ["functionResponse", "function_response"];

/// The body without such ids. `None` where there are none, or where it cannot be read.
pub(super) fn without_ids(body: &[u8]) -> Option<Vec<u8>> {
    memmem::find(body, b"\"id\"")?;
    let mut object = RawObject::parse(body).ok()?;
    let turns: Vec<&RawValue> = serde_json::from_str(object.get("contents")?.get()).ok()?;
    let mut written = Vec::with_capacity(turns.len());
    let mut calls: Vec<String> = Vec::new();
    for turn in turns {
        let mut fields = RawObject::parse(turn.get().as_bytes()).ok()?;
        let Some(parts) = fields.get("parts") else {
            written.push(Cow::Borrowed(turn));
            continue;
        };
        let parts: Vec<&RawValue> = serde_json::from_str(parts.get()).ok()?;
        let ids: Vec<(Option<String>, Option<String>)> = parts.iter().map(|part| (id_of(part, CALL), id_of(part, RESULT))).collect();
        let in_order = ordered(&parts, &ids, &calls);
        if ids.iter().any(|(call, _)| call.is_some()) {
            calls = ids.iter().filter_map(|(call, _)| call.clone()).collect();
        }
        if ids.iter().all(|(call, result)| call.is_none() && result.is_none()) {
            written.push(Cow::Borrowed(turn));
            continue;
        }
        let parts = in_order.into_iter().map(without_id).collect::<Option<Vec<_>>>()?;
        let parts = to_raw(&parts);
        fields.set("parts", parts);
        written.push(Cow::Owned(RawValue::from_string(String::from_utf8(fields.write()).ok()?).ok()?));
    }
    let contents = to_raw(&written);
    object.set("contents", contents);
    Some(object.write())
}

fn id_of(part: &RawValue, names: [&str; 2]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
    }
    let part = RawObject::parse(part.get().as_bytes()).ok()?;
    let inner = names.iter().find_map(|name| part.get(name))?;
    serde_json::from_str::<Named>(inner.get()).ok()?.id
}

/// The parts with the results in the order of the calls; what is no result keeps its place.
fn ordered<'a>(parts: &[&'a RawValue], ids: &[(Option<String>, Option<String>)], calls: &[String]) -> Vec<&'a RawValue> {
    let place = |id: &String| calls.iter().position(|call| call == id).unwrap_or(usize::MAX);
    let mut results: Vec<(usize, &RawValue)> =
        parts.iter().zip(ids).filter_map(|(part, (_, result))| Some((place(result.as_ref()?), *part))).collect();
    results.sort_by_key(|(place, _)| *place);
    let mut results = results.into_iter().map(|(_, part)| part);
    parts.iter().zip(ids).map(|(part, (_, result))| if result.is_some() { results.next().unwrap_or(part) } else { part }).collect()
}

fn without_id(part: &RawValue) -> Option<Cow<'_, RawValue>> {
    let mut fields = RawObject::parse(part.get().as_bytes()).ok()?;
    let Some(name) = CALL.into_iter().chain(RESULT).find(|name| fields.contains(name)) else { return Some(Cow::Borrowed(part)) };
    let mut inner = RawObject::parse(fields.get(name)?.get().as_bytes()).ok()?;
    inner.remove("id");
    let inner = RawValue::from_string(String::from_utf8(inner.write()).ok()?).ok()?;
    fields.replace(name, inner);
    Some(Cow::Owned(RawValue::from_string(String::from_utf8(fields.write()).ok()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_and_results_follow_their_calls() {
        let body = r#"{"contents":[{"role":"user","parts":[{"text":"id"}]},
            {"role":"model","parts":[{"functionCall":{"id":"a","name":"f","args":{"x":1.50}},"thoughtSignature":"s"},{"functionCall":{"id":"b","name":"g"}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"b","name":"g","response":{"id":7}}},{"functionResponse":{"id":"a","name":"f","response":{}}}]}],"x":1e2}"#;
        let expected = concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"id"}]},"#,
            r#"{"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1.50}},"thoughtSignature":"s"},{"functionCall":{"name":"g"}}]},"#,
            r#"{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"g","response":{"id":7}}}]}],"x":1e2}"#
        );
        assert_eq!(String::from_utf8(without_ids(body.as_bytes()).unwrap()).unwrap(), expected);
    }

    #[test]
    fn what_has_no_ids_or_cannot_be_read_stays() {
        for body in [r#"{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}"#, r#"{"id""#, r#"{"contents":"id","id":1}"#] {
            assert!(without_ids(body.as_bytes()).is_none(), "{body}");
        }
    }
}

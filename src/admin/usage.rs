//! `GET /api/v1/llm/usage`: what requests used, in sums by day, provider, model and client, as the store keeps them.

use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::resources::control;
use super::serve::Admin;
use super::{refused, view};
use crate::price::Nano;
use crate::store::{UsageFilter, UsageGroup, UsageRow};

/// Days that are told where the caller does not say from when on.
const USUAL_DAYS: i64 = 30;
const MOST_ROWS: usize = 10_000;

/// The sums of a span of days. Blocks.
pub(super) fn list(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    call.only(&["group_by", "from", "to", "provider", "model", "client", "limit", "format"])?;
    let groups = groups(call.query("group_by").unwrap_or("provider,model"))?;
    let (from, to) = days(call, Timestamp::now().to_zoned(TimeZone::UTC).date())?;
    let of = |key: &str| call.query(key).map(str::to_owned);
    let filter = UsageFilter { provider: of("provider"), model: of("model"), client: of("client") };
    let limit = view::limit(call, 1000, MOST_ROWS)?;
    // One more tells whether there are more.
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = control(admin)?.store.usage(&groups, (from, to), &filter, wanted).map_err(|error| refused::store(&error))?;
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    match call.query("format") {
        Some("csv") => Ok(answer::text("text/csv; charset=utf-8", csv(&rows))),
        None | Some("json") => {
            let data: Vec<Value> = rows.iter().map(shown).collect();
            let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
            let body = json!({"data": data, "group_by": groups, "from": from.to_string(), "to": to.to_string(), "is_cut": is_cut});
            Ok(answer::json(StatusCode::OK, &body))
        }
        Some(_) => Err(Problem::bad("invalid_value", "format", "`format` is `json` or `csv`")),
    }
}

fn groups(text: &str) -> Result<Vec<UsageGroup>, Problem> {
    let find = |word: &str| UsageGroup::ALL.into_iter().find(|group| group.as_str() == word);
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let wrong = |word: &str| {
        let known = UsageGroup::ALL.map(UsageGroup::as_str).join(", ");
        Problem::bad("invalid_value", "group_by", format!("`{word}` is not known; there are: {known}"))
    };
    words.map(|word| find(word).ok_or_else(|| wrong(word))).collect()
}

/// The first and the last day.
fn days(call: &Call, today: Date) -> Result<(Date, Date), Problem> {
    let day = |key: &'static str| -> Result<Option<Date>, Problem> {
        let wrong = || Problem::bad("invalid_value", key, "a day such as 2026-01-31 is needed");
        call.query(key).map(|text| text.parse().map_err(|_| wrong())).transpose()
    };
    let to = day("to")?.unwrap_or(today);
    let usual = || to.checked_sub(Span::new().days(USUAL_DAYS - 1)).unwrap_or(Date::MIN);
    let from = day("from")?.unwrap_or_else(usual);
    if from > to {
        return Err(Problem::bad("invalid_value", "from", "`from` is after `to`"));
    }
    Ok((from, to))
}

fn shown(row: &UsageRow) -> Value {
    let mut shown = serde_json::to_value(row).unwrap_or(Value::Null);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("cost".into(), Nano(row.sums.cost_nano).to_string().into());
    }
    shown
}

fn csv(rows: &[UsageRow]) -> String {
    let mut text = "day,provider,model,client,requests,failed,prompt_tokens,completion_tokens,cached_tokens,cache_write_tokens,\
                    reasoning_tokens,cost,currency,cost_unknown\r\n"
        .to_owned();
    for row in rows {
        let sums = &row.sums;
        let names = [&row.day, &row.provider, &row.model, &row.client].map(|name| cell(name.as_deref().unwrap_or_default()));
        let numbers = [
            sums.requests,
            sums.failed,
            sums.prompt_tokens,
            sums.completion_tokens,
            sums.cached_tokens,
            sums.cache_write_tokens,
            sums.reasoning_tokens,
        ];
        let numbers = numbers.map(|number| number.to_string()).join(",");
        let (cost, unknown) = (Nano(sums.cost_nano), sums.cost_unknown);
        text.push_str(&format!("{},{numbers},{cost},{},{unknown}\r\n", names.join(","), cell(&row.currency)));
    }
    text
}

/// A cell as RFC 4180 has it. A spreadsheet would take some first letters for a formula: they get an apostrophe before them.
fn cell(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_start_no_formula() {
        for (text, expected) in [("a", "a"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("=1+1", "'=1+1"), ("", "")] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn groups_are_named_as_they_are_asked_for() {
        assert_eq!(groups("day, provider").ok(), Some(vec![UsageGroup::Day, UsageGroup::Provider]));
        assert_eq!(groups("").ok(), Some(Vec::new()));
        assert_eq!(groups("day,hour").unwrap_err().param.as_deref(), Some("group_by"));
    }
}

//! The built-in prices, in US dollars. The text stays as it is; a model is looked up in it when it is first used.
//!
//! `@name also...` begins a provider, `m` a model: tabs between the rules that its names may match, and within a rule clauses
//! that all have to (`=` the name, `^` its beginning, `$` its end, `~` a part, `/` a regular expression, `!` one that must not
//! match). `p` is a price with the time it holds for, `t` what is different for a class of service. Prices are for a million;
//! after a comma comes the number of tokens in the prompt above which another one holds.

use std::borrow::Cow;

use regex::Regex;

use super::money::{Currency, parse_nano};
use super::schedule::{Rate, Rates, Schedule, When};
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;

static TEXT: &str = include_str!("catalogue.txt");

/// Where the prices are from and of which day, by the first line of the text: `genai-prices-0.2.3@2026-11-28`.
pub(super) fn version() -> String {
    let line = TEXT.lines().next().unwrap_or_default().trim_start_matches("# ");
    let (name, rest) = line.split_once(", as of ").unwrap_or((line, ""));
    let day = rest.split(". ").next().unwrap_or_default();
    format!("{}@{day}", name.replace(' ', "-"))
}

/// Whether there is such a provider.
pub fn has_provider(name: &str) -> bool {
    section(name).is_some()
}

/// The prices of a provider's model; `None` where they are not known.
pub fn find(provider: &str, model: &str) -> Option<Schedule> {
    let model = model.to_ascii_lowercase();
    let found = matching(provider, &model).or_else(|| match dashed(&model) {
        Cow::Owned(model) => matching(provider, &model),
        Cow::Borrowed(_) => None,
    })?;
    read(found)
}

/// The lines behind the model's own, in the provider's section or in one that its first line names.
fn matching(provider: &str, model: &str) -> Option<&'static str> {
    let (also, models) = section(provider)?;
    let others = also.split_ascii_whitespace().filter_map(|other| Some(section(other)?.1));
    std::iter::once(models).chain(others).find_map(|models| in_section(models, model))
}

/// The names on the provider's first line, and the lines of its models.
fn section(name: &str) -> Option<(&'static str, &'static str)> {
    for part in TEXT.split("\n@").skip(1) {
        let (head, models) = part.split_once('\n').unwrap_or((part, ""));
        let (first, also) = head.split_once(' ').unwrap_or((head, ""));
        if first == name {
            return Some((also, models));
        }
    }
    None
}

fn in_section(mut rest: &'static str, model: &str) -> Option<&'static str> {
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if let Some(rules) = line.strip_prefix("m\t")
            && rules.split('\t').any(|rule| rule.split('\x1f').all(|clause| matches(clause, model)))
        {
            return Some(after);
        }
        rest = after;
    }
    None
}

fn matches(clause: &str, model: &str) -> bool {
    let Some((kind, text)) = clause.split_at_checked(1) else { return false };
    let is_match = || Regex::new(text).is_ok_and(|regex| regex.is_match(model));
    match kind {
        "=" => model == text,
        "^" => model.starts_with(text),
        "$" => model.ends_with(text),
        "~" => model.contains(text),
        "/" => is_match(),
        "!" => !is_match(),
        _ => false,
    }
}

/// A date written in one (`-20251211`) with the dashes most rules expect.
fn dashed(model: &str) -> Cow<'_, str> {
    let is_date = |digits: &str| {
        let month = digits.get(4..6).and_then(|month| month.parse::<u8>().ok());
        let day = digits.get(6..8).and_then(|day| day.parse::<u8>().ok());
        digits.starts_with("20") && digits.bytes().all(|b| b.is_ascii_digit()) && matches!((month, day), (Some(1..=12), Some(1..=31)))
    };
    for (at, _) in model.match_indices('-') {
        let Some(digits) = model.get(at + 1..at + 9).filter(|digits| is_date(digits)) else { continue };
        let rest = model.get(at + 9..).unwrap_or_default();
        if rest.is_empty() || rest.starts_with(['-', ':']) {
            let (year, month_day) = digits.split_at(4);
            let (month, day) = month_day.split_at(2);
            return Cow::Owned(format!("{}-{year}-{month}-{day}{rest}", model.get(..at).unwrap_or_default()));
        }
    }
    Cow::Borrowed(model)
}

/// The prices up to the next model.
fn read(lines: &str) -> Option<Schedule> {
    let mut schedule = Schedule { currency: Currency::USD, standard: Vec::new(), tiers: Vec::new() };
    for line in lines.lines() {
        let Some((kind, text)) = line.split_once('\t') else { break };
        let (when, text) = when(text);
        match kind {
            "p" => schedule.standard.push((when, rates(text)?)),
            "t" => {
                let (tier, text) = text.split_once(' ')?;
                schedule.tiers.push((ServiceTier::of(tier), when, rates(text)?));
            }
            _ => break,
        }
    }
    let is_known = schedule.standard.iter().any(|(_, rates)| !rates.is_empty());
    is_known.then_some(schedule)
}

fn when(text: &str) -> (When, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    if let Ok(date) = word.parse::<jiff::civil::Date>() {
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |start| start.timestamp().as_second());
        return (When::From(u64::try_from(start).unwrap_or(0)), rest);
    }
    let minute =
        |text: &str| text.split_once(':').and_then(|(hour, minute)| Some(hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?));
    match word.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?))) {
        Some((from, to)) => (When::Daily { from, to }, rest),
        None => (When::Always, text),
    }
}

fn rates(text: &str) -> Option<Rates> {
    let mut rates = Rates::default();
    for (name, prices) in text.split_ascii_whitespace().filter_map(|word| word.split_once('=')) {
        let mut prices = prices.split(',');
        let base = parse_nano(prices.next()?)?;
        let above = prices.map(|tier| tier.split_once(':').and_then(|(start, price)| Some((start.parse().ok()?, parse_nano(price)?))));
        rates.set(kind(name)?, Rate { base, above: above.collect::<Option<_>>()? });
    }
    Some(rates)
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "in" => Kind::Input,
        "out" => Kind::Output,
        "cr" => Kind::CacheRead,
        "cw" => Kind::CacheWrite,
        "cw1h" => Kind::CacheWrite1h,
        "re" => Kind::Reasoning,
        "ain" => Kind::AudioInput,
        "aout" => Kind::AudioOutput,
        "iin" => Kind::ImageInput,
        "iout" => Kind::ImageOutput,
        "req" => Kind::Request,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(provider: &str, model: &str) -> Option<u64> {
        find(provider, model)?.rate(Kind::Input, ServiceTier::Standard, 0, 0)
    }

    #[test]
    fn the_whole_text_can_be_read() {
        let version = version();
        let day = version.strip_prefix("genai-prices-").and_then(|rest| rest.split_once('@')).map(|(_, day)| day.to_owned());
        let day = day.unwrap().parse::<jiff::civil::Date>();
        assert!(day.is_ok(), "{version}");
        let mut models = 0;
        let mut rest = TEXT;
        while let Some((line, after)) = rest.split_once('\n') {
            let (word, text) = line.split_once('\t').unwrap_or((line, ""));
            match word {
                "m" => {
                    models += 1;
                    for clause in text.split(['\t', '\x1f']) {
                        assert!(clause.len() > 1 && clause.starts_with(['=', '^', '$', '~', '/', '!']), "{line}");
                        if let Some(regex) = clause.strip_prefix(['/', '!']) {
                            Regex::new(regex).unwrap();
                        }
                    }
                }
                "p" => assert!(rates(when(text).1).is_some(), "{line}"),
                "t" => assert!(when(text).1.split_once(' ').is_some_and(|(_, text)| rates(text).is_some_and(|r| !r.is_empty())), "{line}"),
                _ => assert!(line.starts_with(['@', '#']), "{line}"),
            }
            rest = after;
        }
        assert!(models > 1000, "{models}");
    }

    #[test]
    fn models_are_found_by_every_kind_of_rule() {
        assert_eq!(input("openai", "gpt-4o-mini"), Some(150_000_000));
        assert_eq!(input("openai", "GPT-4o-mini-2024-07-18"), Some(150_000_000));
        assert_eq!(input("azure", "gpt-4o"), input("openai", "gpt-4o"), "by way of another section");
        assert_eq!(input("anthropic", "claude-haiku-4-5-20251001"), Some(1_000_000_000));
        assert_eq!(input("anthropic", "claude-fable-5-20260101"), Some(10_000_000_000), "by a regular expression");
        assert!(input("google", "gemini-2.5-pro").is_some());
        assert!(input("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0").is_some());
        assert_eq!(input("openai", "no-such-model"), None);
        assert_eq!(input("nobody", "gpt-4o"), None);
        assert_eq!(dashed("gpt-5.2-20251211"), "gpt-5.2-2025-12-11");
        assert_eq!(dashed("gpt-5.2-20251311"), "gpt-5.2-20251311");
    }
}

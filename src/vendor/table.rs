//! The catalogue for people: what `llm-sidecar vendors` prints.

use std::fmt::Write;

use serde_json::{Value, json};

use super::catalogue::{Ability, Auth, Vendor, rows};
use crate::chat::DialectId;

/// The README's table.
pub fn markdown() -> String {
    let mut out = "| `type` | vendor | dialect | key | streaming | tools | thinking | embeddings | facts |\n".to_owned();
    out.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for row in rows() {
        let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let can = |ability| if row.can.contains(&ability) { "yes" } else { "no" };
        // Writing to a text cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | [docs]({}) |",
            code(&names(row)),
            row.name,
            code(&dialects(row)),
            key(row, "`"),
            can(Ability::Stream),
            can(Ability::Tools),
            can(Ability::Thinking),
            can(Ability::Embeddings),
            row.docs
        );
    }
    out
}

/// A table for a terminal.
pub fn text() -> String {
    let cells = |row: &'static Vendor| {
        let can = row.can.iter().map(|ability| ability.as_str()).collect::<Vec<_>>().join(" ");
        [row.id.clone(), row.name.clone(), row.dialect.as_str().to_owned(), can, key(row, "")]
    };
    let head = ["TYPE", "VENDOR", "DIALECT", "CAN", "KEY"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows().iter().map(cells)).collect();
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut out = String::new();
    for [id, name, dialect, can, key] in &lines {
        for (cell, width) in [id, name, dialect, can].into_iter().zip(&widths) {
            let _ = write!(out, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{key}");
    }
    out
}

/// The same for programs.
pub fn json() -> Value {
    let entry = |row: &Vendor| {
        json!({
            "type": row.id,
            "aliases": row.aliases,
            "name": row.name,
            "dialect": row.dialect.as_str(),
            "also": row.also.iter().map(|dialect| dialect.as_str()).collect::<Vec<_>>(),
            "base_url": row.base_url,
            "auth": row.auth,
            "env": row.env,
            "needs_key": row.needs_key,
            "needs": row.needs,
            "can": row.can,
            "docs": row.docs,
        })
    };
    rows().iter().map(entry).collect()
}

/// All names that `type` may have.
fn names(row: &Vendor) -> Vec<&str> {
    std::iter::once(&row.id).chain(&row.aliases).map(String::as_str).collect()
}

fn dialects(row: &Vendor) -> Vec<&'static str> {
    std::iter::once(row.dialect).chain(row.also.iter().copied()).map(DialectId::as_str).collect()
}

/// Where the key goes and where it comes from, unless the provider has an `api_key`.
fn key(row: &Vendor, quote: &str) -> String {
    let how = match &row.auth {
        Auth::Bearer => "bearer".to_owned(),
        Auth::Header(name) => format!("{quote}{name}{quote}"),
        Auth::None => return "none".to_owned(),
    };
    let env = row.env.iter().map(|name| format!("{quote}{name}{quote}")).collect::<Vec<_>>().join(" or ");
    if let Some(cloud) = row.cloud {
        return if env.is_empty() { cloud.identity().to_owned() } else { format!("{how}: {env}, or {}", cloud.identity()) };
    }
    match (env.is_empty(), row.needs_key) {
        (true, true) => format!("{how}: {quote}api_key{quote}"),
        (true, false) => format!("{how}, if any"),
        (false, true) => format!("{how}: {env}"),
        (false, false) => format!("{how}: {env}, if any"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_is_in_every_table() {
        let (markdown, text, json) = (markdown(), text(), json());
        assert_eq!((markdown.lines().count(), text.lines().count()), (rows().len() + 2, rows().len() + 1));
        assert_eq!(json.as_array().map(Vec::len), Some(rows().len()));
        let anthropic = "| `anthropic`, `claude` | Anthropic | `anthropic_messages` | `x-api-key`: `ANTHROPIC_API_KEY` | yes | yes | yes | no | [docs](";
        assert!(markdown.contains(anthropic), "{markdown}");
        let vllm = json.as_array().into_iter().flatten().find(|row| row["type"] == "vllm").unwrap();
        assert_eq!((&vllm["auth"], &vllm["needs"], &vllm["needs_key"]), (&json!("bearer"), &json!(["base_url"]), &json!(false)));
        assert!(text.lines().any(|line| line.starts_with("vllm ") && line.ends_with("bearer: VLLM_API_KEY, if any")), "{text}");
    }
}

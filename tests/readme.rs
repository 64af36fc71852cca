//! The README's table of vendors is the catalogue's.

use llm_sidecar::vendor;

const HEAD: &str = "| `type` | vendor | format | key taken from, unless `api_key` is given |\n|---|---|---|---|\n";

fn row(id: &str) -> String {
    let Some(row) = vendor::vendor(id) else { return String::new() };
    let names: Vec<String> = std::iter::once(id).chain(row.aliases.iter().map(String::as_str)).map(|name| format!("`{name}`")).collect();
    let mut env: Vec<String> = row.env.iter().map(|name| format!("`{name}`")).collect();
    env.extend(row.cloud.map(|cloud| cloud.identity().to_owned()));
    let key = match (row.needs_key, env.is_empty()) {
        (_, true) => "none".to_owned(),
        (true, false) => env.join(" or "),
        (false, false) => format!("{}, if any", env.join(" or ")),
    };
    format!("| {} | {} | `{}` | {key} |\n", names.join(", "), row.name, row.dialect.as_str())
}

#[test]
fn the_table_of_vendors_is_the_catalogue() {
    let table: String = vendor::ids().into_iter().map(row).collect();
    assert!(include_str!("../README.md").contains(&format!("{HEAD}{table}\n")), "the README should say:\n\n{HEAD}{table}");
}

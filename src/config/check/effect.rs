//! Keys that are checked already and take effect in later versions. Nothing is accepted in silence: each is named in a warning.

use crate::config::findings::Report;
use crate::config::model::Strategy;
use crate::config::node::{KeyPath, Node, Value};

/// The keys, `*` for any name or index. One whose effect has come is taken off this list.
const WITHOUT_EFFECT: &[&[&str]] = &[
    &["clients", "*", "limit"],
    &["clients", "*", "budget"],
    &["providers", "*", "limit"],
    &["providers", "*", "breaker"],
    &["providers", "*", "retry", "budget"],
    &["prices"],
];

/// Strategies that do what they say; the others act as `failover`.
const EFFECTIVE_STRATEGIES: &[Strategy] = &[Strategy::Failover, Strategy::Weighted, Strategy::RoundRobin];

pub fn warn(report: &mut Report<'_>) {
    let root = report.root;
    for pattern in WITHOUT_EFFECT {
        visit(root, pattern, &KeyPath::Root, &mut |path| {
            report.warning(path, "the key is checked but has no effect in this version", None);
        });
    }
}

/// Says so if a strategy acts as another one.
pub fn warn_of_strategy(report: &mut Report<'_>, path: &KeyPath<'_>, strategy: Strategy) {
    if !EFFECTIVE_STRATEGIES.contains(&strategy) {
        report.warning(path, "the strategy is checked but has no effect in this version: targets are tried in order", None);
    }
}

/// Calls `found` with each path of the tree that the pattern names.
fn visit(node: &Node, pattern: &[&str], path: &KeyPath<'_>, found: &mut dyn FnMut(&KeyPath<'_>)) {
    let Some((step, rest)) = pattern.split_first() else {
        if !node.is_null() {
            found(path);
        }
        return;
    };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| *step == "*" || entry.key == *step) {
                visit(&entry.value, rest, &path.key(&entry.key), found);
            }
        }
        Value::List(items) if *step == "*" => {
            for (index, item) in items.iter().enumerate() {
                visit(item, rest, &path.item(index), found);
            }
        }
        _ => {}
    }
}

//! Keys that are checked already and take effect in later versions. Nothing is accepted in silence: each is named in a warning.

use crate::config::findings::Report;
use crate::config::node::{KeyPath, Node, Value};

/// The keys, `*` for any name or index. One whose effect has come is taken off this list.
const WITHOUT_EFFECT: &[&[&str]] = &[&["clients", "*", "budget"]];

pub fn warn(report: &mut Report<'_>) {
    let root = report.root;
    for pattern in WITHOUT_EFFECT {
        visit(root, pattern, &KeyPath::Root, &mut |path| {
            report.warning(path, "the key is checked but has no effect in this version", None);
        });
    }
    visit(root, &["prices"], &KeyPath::Root, &mut |path| {
        let message = "prices decide between targets with `strategy: cheapest`; reporting costs has no effect in this version";
        report.warning(path, message, None);
    });
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

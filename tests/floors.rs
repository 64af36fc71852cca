//! The floor plan holds: a module imports only lower floors and its own folder, and only the upper floors know the network.

#![expect(clippy::expect_used, reason = "what cannot be read must fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(&str, u32)] = &[
    ("base", 0),
    ("codec", 1),
    ("metrics", 1),
    ("trace", 1),
    ("seal", 1),
    ("cache", 2),
    ("chat", 2),
    ("config", 2),
    ("inject", 2),
    ("limit", 2),
    ("price", 2),
    ("dialect", 3),
    ("usage", 3),
    ("vault", 4),
    ("vendor", 4),
    ("upstream", 5),
    ("listen", 5),
    ("store", 5),
    ("kms", 6),
    ("runtime", 6),
    ("control", 7),
    ("proxy", 7),
    ("server", 8),
    ("admin", 8),
    ("alerts", 8),
    ("otlp", 8),
    ("simulate", 8),
    ("webhook", 9),
    ("app", 10),
    ("cli", 11),
    ("main", 12),
];

/// The lowest floor that may name hyper or tokio's network types.
const NETWORK: u32 = 5;

/// The crate's root, which only lists the modules.
const ROOT: &str = "lib";

#[test]
fn every_module_keeps_to_its_floor() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    for file in rust_files(&src) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        let path = file.strip_prefix(&src).expect("it is below src");
        faults.extend(faults_of(path, &text));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong in a file; `path` is relative to `src`.
fn faults_of(path: &Path, text: &str) -> Vec<String> {
    let module = module_of(path);
    if module == ROOT {
        return Vec::new();
    }
    let Some(floor) = floor_of(&module) else {
        return vec![format!("{}: `{module}` has no floor; add it to the plan", path.display())];
    };
    let mut faults = Vec::new();
    for (index, line) in statements(text) {
        let at = format!("{}:{}", path.display(), index + 1);
        for other in names_after(&line, "crate::").into_iter().chain(supers_beyond(path, &line)) {
            match floor_of(&other) {
                _ if other == module => {}
                Some(below) if below < floor => {}
                Some(_) => faults.push(format!("{at}: `{module}` (floor {floor}) must not import `{other}`")),
                // An item of the root, of which there are none, or a macro.
                None => faults.push(format!("{at}: `{other}` has no floor; add it to the plan")),
            }
        }
        let network = names_after(&line, "tokio::").iter().any(|name| name == "net")
            || ["hyper", "hyper_util"].iter().any(|name| !names_after(&line, &format!("{name}::")).is_empty());
        if network && floor < NETWORK {
            faults.push(format!("{at}: `{module}` (floor {floor}) must not name the network"));
        }
    }
    faults
}

fn floor_of(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The top-level module a file belongs to.
fn module_of(path: &Path) -> String {
    let first = path.components().next().expect("a path has a component").as_os_str();
    Path::new(first).file_stem().expect("it has a name").to_string_lossy().into_owned()
}

/// The file without comments, a `use` over several lines in one; with the number of the line each begins in.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        match found.last_mut() {
            Some((_, statement)) if open => statement.push_str(code),
            _ => found.push((index, code.to_owned())),
        }
        let import = found.last().is_some_and(|(_, statement)| statement.trim_start_matches("pub ").starts_with("use "));
        open = import && !code.ends_with(';');
    }
    found
}

/// The names that follow `prefix` where it begins a path: `crate::a::b` and `crate::{a::b, c}` give `a`, and `a` and `c`.
fn names_after(line: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$' | '"')) {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(top_level(group).iter().map(|path| identifier(path.trim()))),
            None => names.push(identifier(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The parts between the commas of a group, up to the brace that closes it.
fn top_level(group: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Floors reached by climbing out of the own module with `super`.
fn supers_beyond(path: &Path, line: &str) -> Vec<String> {
    let folders = path.components().count() - 1;
    let depth = if path.ends_with("mod.rs") { folders } else { folders + 1 };
    let out = "super::".repeat(depth);
    let names = names_after(line, &out).into_iter();
    names.filter(|name| floor_of(name).is_some() && !is_child(path, name)).collect()
}

/// A module of its own that is only named like a floor, seen from a `mod tests` inside the file.
fn is_child(path: &Path, name: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path.parent().unwrap_or(Path::new("")));
    path.ends_with("mod.rs") && (folder.join(format!("{name}.rs")).exists() || folder.join(name).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        faults_of(Path::new(path), text).len()
    }

    #[test]
    fn lower_floors_and_the_own_folder_may_be_imported() {
        assert_eq!(faults("proxy/mod.rs", "use crate::config::Config;\nuse crate::{base::id, proxy::body};\n"), 0);
        assert_eq!(faults("config/check/mod.rs", "use super::model;\nuse crate::config::node;\nuse crate::base::secret::Secret;\n"), 0);
        assert_eq!(faults("lib.rs", "pub mod app;\n"), 0);
        assert_eq!(faults("base/id.rs", "// use crate::app::x;\n/// see [`crate::app`]\n"), 0);
    }

    #[test]
    fn an_import_of_a_higher_floor_is_found() {
        assert_eq!(faults("base/id.rs", "use crate::config::Config;\n"), 1);
        assert_eq!(faults("dialect/mod.rs", "fn f() -> crate::vendor::Vendor { todo!() }\n"), 1);
        assert_eq!(faults("chat/mod.rs", "pub use crate::{\n    base::id,\n    dialect::{a, b},\n    proxy,\n};\n"), 2);
        assert_eq!(faults("chat/mod.rs", "use super::dialect::Quirks;\n"), 1);
        assert_eq!(faults("chat/event.rs", "use super::super::proxy::Call;\n"), 1);
    }

    #[test]
    fn an_import_from_the_same_floor_is_found() {
        assert_eq!(faults("limit/rate.rs", "use crate::config::Rate;\n"), 1);
        assert_eq!(faults("server/mod.rs", "use crate::admin::Router;\n"), 1);
    }

    #[test]
    fn the_network_is_for_the_upper_floors() {
        for line in [
            "use hyper::Request;",
            "use tokio::net::TcpStream;",
            "use tokio::{net::TcpStream, sync};",
            "let s = hyper_util::rt::TokioIo::new(s);",
        ] {
            assert_eq!(faults("vendor/mod.rs", line), 1, "{line}");
            assert_eq!(faults("upstream/client.rs", line), 0, "{line}");
        }
        assert_eq!(faults("runtime/watch.rs", "use tokio::sync::mpsc;\nuse http::Uri;\n"), 0);
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        assert_eq!(faults("cellar/mod.rs", ""), 1);
        assert_eq!(faults("proxy/mod.rs", "use crate::cellar::Cellar;\n"), 1);
    }
}

//! From a path to a checked configuration: reads the file and what it includes, and has it resolved and checked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::check::{self, VendorFacts};
use super::de;
use super::diagnostic::{Diagnostic, LoadError, Severity};
use super::effective::{Effective, effective};
use super::files::Files;
use super::findings::{Findings, SourceText};
use super::interpolate::Interpolation;
use super::mask::Mask;
use super::model;
use super::node::{Entry, KeyPath, Node, Position, Value};
use super::parse::parse;
use super::schema::known_keys;
use super::sealed::{self, MakeSealer, Opening, SealedValues};
use super::types::{Config, Secrets, Store};

/// What stands for a file where something is wrong with what the store holds.
pub const STORE: &str = "(store)";

/// Files a configuration may be spread over.
const MOST_FILES: usize = 1000;

/// Reads and checks the configuration in `path`. `env` looks up an environment variable, `sealer` opens encrypted values.
///
/// # Errors
/// Everything that is wrong with it, as far as it can be told at once.
pub fn load(
    path: &Path,
    vendors: &[VendorFacts],
    env: &dyn Fn(&str) -> Option<String>,
    sealer: MakeSealer<'_>,
) -> Result<Config, LoadError> {
    load_over(path, vendors, env, sealer, "")
}

/// The same with what the store holds, as a document of the same form in which nothing is a reference.
///
/// # Errors
/// As [`load`]. What is wrong with the store's part names the file [`STORE`].
pub fn load_over(
    path: &Path,
    vendors: &[VendorFacts],
    env: &dyn Fn(&str) -> Option<String>,
    sealer: MakeSealer<'_>,
    store: &str,
) -> Result<Config, LoadError> {
    let mut loader = Loader::new(vendors, env);
    let checked = loader.tree(path, None).and_then(|mut root| {
        if !store.is_empty() {
            loader.add(&mut root, store);
        }
        // What is found in the files is known by now; what is sealed is not shown anyway.
        let mask = Mask::new(loader.secrets.clone(), known_keys());
        loader.effective = effective(&root, &loader.sources, &|text| mask.text(text));
        let secrets = loader.secrets(&root);
        let has_section = root.find(&KeyPath::Root.key(sealed::SECTION)).is_some();
        Opening { keys: secrets.as_ref(), has_section, make: sealer, findings: &mut loader.findings, secrets: &mut loader.secrets }
            .open(&mut root);
        let raw: Option<model::File> = de::read(&root, &mut loader.findings);
        raw.map(|raw| check::check(raw, secrets, loader.scope(&root)))
    });
    loader.finish(path, checked)
}

/// Where the store is, and what opens what it holds. Nothing else need be right.
///
/// # Errors
/// What is wrong, if the files cannot be read or one of the two sections is wrong.
pub fn boot(path: &Path, vendors: &[VendorFacts], env: &dyn Fn(&str) -> Option<String>) -> Result<(Store, Option<Secrets>), LoadError> {
    let mut loader = Loader::new(vendors, env);
    let Some(root) = loader.tree(path, None) else { return Err(loader.failed(path)) };
    loader.findings = Findings::default();
    let raw = root.find(&KeyPath::Root.key("store")).and_then(|section| de::read::<model::Store>(section, &mut loader.findings));
    let store = raw.map(|raw| check::store(&raw, loader.scope(&root))).unwrap_or_default();
    let secrets = loader.secrets(&root);
    if loader.findings.has_errors() { Err(loader.failed(path)) } else { Ok((store, secrets)) }
}

/// The encrypted values of the configuration in `path`, unopened, and what they are opened with. Nothing else need be right.
///
/// # Errors
/// What is wrong, if the files cannot be read or the section `secrets` is wrong.
pub fn sealed_values(path: &Path, vendors: &[VendorFacts], env: &dyn Fn(&str) -> Option<String>) -> Result<SealedValues, LoadError> {
    let mut loader = Loader::new(vendors, env);
    let Some(mut root) = loader.tree(path, None) else { return Err(loader.failed(path)) };
    // Only what is wrong with this section counts.
    loader.findings = Findings::default();
    let secrets = loader.secrets(&root);
    if loader.findings.has_errors() {
        return Err(loader.failed(path));
    }
    let file_of = |found: &sealed::Found| loader.sources.get(found.at.file).map(|source| source.path.clone()).unwrap_or_default();
    let values = sealed::list(&mut root).into_iter().map(|found| (file_of(&found), found)).collect();
    Ok(SealedValues { secrets, values })
}

struct Loader<'a> {
    vendors: &'a [VendorFacts],
    env: &'a dyn Fn(&str) -> Option<String>,
    files: Files,
    sources: Vec<SourceText>,
    findings: Findings,
    secrets: Vec<String>,
    effective: Effective,
}

impl<'a> Loader<'a> {
    fn new(vendors: &'a [VendorFacts], env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            vendors,
            env,
            files: Files::default(),
            sources: Vec::new(),
            findings: Findings::default(),
            secrets: Vec::new(),
            effective: Effective::default(),
        }
    }

    fn scope<'b>(&'b mut self, root: &'b Node) -> check::Scope<'b> {
        check::Scope {
            root,
            sources: &self.sources,
            vendors: self.vendors,
            env: self.env,
            files: &mut self.files,
            findings: &mut self.findings,
        }
    }

    /// What encrypted values are opened with, if it is there and right. Values of the wrong kind are reported later, with all others.
    fn secrets(&mut self, root: &Node) -> Option<Secrets> {
        let mut wrong = Findings::default();
        let raw: model::Secrets = de::read(root.find(&KeyPath::Root.key(sealed::SECTION))?, &mut wrong)?;
        if wrong.has_errors() { None } else { check::secrets(&raw, self.scope(root)) }
    }

    fn failed(self, path: &Path) -> LoadError {
        let mask = Mask::new(self.secrets, known_keys());
        let (files, hash) = (self.files.paths(), self.files.hash());
        LoadError { diagnostics: self.findings.into_diagnostics(path.to_owned(), &self.sources, &mask), files, hash }
    }

    fn finish(self, path: &Path, checked: Option<Config>) -> Result<Config, LoadError> {
        let failed = self.findings.has_errors();
        let diagnostics = if self.findings.is_empty() {
            Vec::new()
        } else {
            let mask = Mask::new(self.secrets, known_keys());
            self.findings.into_diagnostics(path.to_owned(), &self.sources, &mask)
        };
        let (files, hash) = (self.files.paths(), self.files.hash());
        match checked {
            Some(config) if !failed => Ok(Config {
                warnings: diagnostics.iter().map(Diagnostic::headline).collect(),
                files,
                hash,
                effective: Arc::new(self.effective),
                ..config
            }),
            _ => {
                debug_assert!(diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error));
                Err(LoadError { diagnostics, files, hash })
            }
        }
    }

    /// The file's tree with its references resolved and the files it includes merged into it. `from` is where it was named.
    fn tree(&mut self, path: &Path, from: Option<Position>) -> Option<Node> {
        let text = match self.files.read(path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return self.refuse(from, format!("{} is not UTF-8 text", path.display())),
            Err(error) => return self.refuse(from, format!("cannot read {}: {error}", path.display())),
        };
        let mut faults = Vec::new();
        let parsed = parse(&text, self.sources.len(), &mut faults);
        self.sources.push(SourceText { path: path.to_owned(), text });
        faults.into_iter().for_each(|fault| self.findings.fault(fault));
        let mut root = match parsed {
            Ok(root) => root,
            Err(fault) => {
                self.findings.fault(fault);
                return None;
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut interpolation =
            Interpolation { env: self.env, folder, files: &mut self.files, findings: &mut self.findings, secrets: &mut self.secrets };
        interpolation.resolve(&mut root);
        self.include(&mut root, folder);
        Some(root)
    }

    /// Merges what the store holds into the tree.
    fn add(&mut self, root: &mut Node, store: &str) {
        let mut faults = Vec::new();
        let parsed = parse(store, self.sources.len(), &mut faults);
        self.sources.push(SourceText { path: STORE.into(), text: store.to_owned() });
        faults.into_iter().for_each(|fault| self.findings.fault(fault));
        match parsed {
            Ok(other) => self.merge(root, other),
            Err(fault) => self.findings.fault(fault),
        }
    }

    fn refuse(&mut self, at: Option<Position>, message: String) -> Option<Node> {
        self.findings.error_at(at, String::new(), message, None);
        None
    }

    fn include(&mut self, root: &mut Node, folder: &Path) {
        let path = KeyPath::Root;
        let patterns: Vec<(Position, String)> = match root.find(&path.key("include")).map(|node| &node.value) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Scalar(scalar) => Some((item.at, scalar.text.clone())),
                    _ => None,
                })
                .collect(),
            _ => return,
        };
        for (at, pattern) in patterns {
            for file in self.matching(&folder.join(pattern), at) {
                if self.sources.iter().any(|source| same_file(&source.path, &file)) {
                    continue;
                }
                if self.sources.len() >= MOST_FILES {
                    self.findings.error_at(Some(at), "include".into(), format!("more than {MOST_FILES} files"), None);
                    return;
                }
                if let Some(other) = self.tree(&file, Some(at)) {
                    self.merge(root, other);
                }
            }
        }
    }

    /// The files a pattern stands for. Without `*` or `?` it is a name, and the file must be there.
    fn matching(&mut self, pattern: &Path, at: Position) -> Vec<PathBuf> {
        let wild = |text: &str| text.contains(['*', '?', '[', '{']);
        let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
            self.findings.error_at(Some(at), "include".into(), "this names no file", None);
            return Vec::new();
        };
        if folder.to_str().is_some_and(wild) {
            self.findings.error_at(Some(at), "include".into(), "`*` may stand only in a file's name, not in a folder's", None);
            return Vec::new();
        }
        if !wild(name) {
            return vec![pattern.to_owned()];
        }
        let matcher: GlobMatcher = match GlobBuilder::new(name).build() {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                self.findings.error_at(Some(at), "include".into(), format!("not a pattern: {}", error.kind()), None);
                return Vec::new();
            }
        };
        // A folder that is not there yet is no error: it may come, and is watched.
        let names = self.files.list(folder).unwrap_or_default();
        names.into_iter().filter(|name| matcher.is_match(name)).map(|name| folder.join(name)).collect()
    }

    /// Adds an included file's entries. Maps are merged by name, lists appended; anything else that is there twice is an error.
    fn merge(&mut self, root: &mut Node, other: Node) {
        let Value::Map(entries) = &mut root.value else { return };
        let Value::Map(others) = other.value else {
            self.findings.error_at(Some(other.at), String::new(), "expected a mapping with the keys of a configuration", None);
            return;
        };
        for new in others.into_iter().filter(|entry| entry.key != "include") {
            let Some(old) = entries.iter_mut().find(|entry| entry.key == new.key) else {
                entries.push(new);
                continue;
            };
            match (&mut old.value.value, new.value.value) {
                (Value::Map(old), Value::Map(new_entries)) => self.merge_names(&new.key, old, new_entries),
                (Value::List(old), Value::List(new_items)) => old.extend(new_items),
                _ => self.twice(new.at, new.key.clone(), old.at),
            }
        }
    }

    fn merge_names(&mut self, section: &str, old: &mut Vec<Entry>, new: Vec<Entry>) {
        let mut places: HashMap<String, Position> = old.iter().map(|entry| (entry.key.clone(), entry.at)).collect();
        for entry in new {
            let Some(&first) = places.get(&entry.key) else {
                places.insert(entry.key.clone(), entry.at);
                old.push(entry);
                continue;
            };
            // Prices have their names one level deeper.
            let there = old.iter_mut().find(|old| section == "prices" && old.key == entry.key);
            match (there.map(|there| &mut there.value.value), entry.value.value) {
                (Some(Value::Map(old)), Value::Map(new)) => self.merge_names(&format!("{section}.{}", entry.key), old, new),
                (Some(Value::List(old)), Value::List(new)) => old.extend(new),
                _ => self.twice(entry.at, format!("{section}.{}", entry.key), first),
            }
        }
    }

    fn twice(&mut self, at: Position, path: String, first: Position) {
        let file = self.sources.get(first.file).map(|source| source.path.display().to_string()).unwrap_or_default();
        self.findings.error_at(Some(at), path, format!("already defined in {file}:{}:{}", first.line, first.column), None);
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

//! Collects what is wrong while a configuration is read, and turns it into diagnostics at the end, when all secrets are known.

use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Severity, Snippet};
use super::mask::Mask;
use super::node::{KeyPath, Node, Position};
use super::parse::Fault;

/// More would hide the first ones.
const SHOWN: usize = 100;

/// A file that was read, as text.
#[derive(Debug)]
pub struct SourceText {
    pub path: PathBuf,
    pub text: String,
}

#[derive(Debug)]
struct Finding {
    severity: Severity,
    at: Option<Position>,
    path: String,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    errors: usize,
}

impl Findings {
    fn push(&mut self, finding: Finding) {
        if finding.severity == Severity::Error {
            self.errors += 1;
            if self.errors > SHOWN {
                return;
            }
        }
        self.list.push(finding);
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// An error at a place; `at: None` is the main file as a whole.
    pub fn error_at(&mut self, at: Option<Position>, path: String, message: impl Into<String>, hint: Option<String>) {
        self.push(Finding { severity: Severity::Error, at, path, message: message.into(), hint });
    }

    pub fn fault(&mut self, fault: Fault) {
        self.error_at(Some(fault.at), String::new(), fault.message, fault.hint);
    }

    fn warning_at(&mut self, at: Position, path: String, message: String, hint: Option<String>) {
        self.push(Finding { severity: Severity::Warning, at: Some(at), path, message, hint });
    }

    /// In the order of the files and lines. `main` is named where there is no place.
    pub fn into_diagnostics(mut self, main: PathBuf, sources: &[SourceText], mask: &Mask) -> Vec<Diagnostic> {
        if self.errors > SHOWN {
            let message = format!("{} more errors", self.errors - SHOWN);
            self.list.push(Finding { severity: Severity::Error, at: None, path: String::new(), message, hint: None });
        }
        self.list.sort_by_key(|finding| (finding.at.is_none(), finding.at));
        let lines: Vec<Vec<&str>> = sources.iter().map(|source| source.text.lines().collect()).collect();
        self.list
            .into_iter()
            .map(|finding| {
                let source = finding.at.and_then(|at| sources.get(at.file));
                let line = finding.at.and_then(|at| lines.get(at.file)?.get(at.line.checked_sub(1)?));
                let snippet = finding.at.zip(line).map(|(at, line)| {
                    let (text, caret) = mask.line(line, at.column.saturating_sub(1), mask.is_harmless(&finding.path));
                    Snippet { text, caret }
                });
                Diagnostic {
                    severity: finding.severity,
                    file: source.map_or_else(|| main.clone(), |source| source.path.clone()),
                    line: finding.at.map_or(0, |at| at.line),
                    column: finding.at.map_or(0, |at| at.column),
                    path: mask.text(&finding.path),
                    message: mask.text(&finding.message),
                    hint: finding.hint.map(|hint| mask.text(&hint)),
                    snippet,
                }
            })
            .collect()
    }
}

/// Findings about values of a tree, named by their paths.
pub struct Report<'a> {
    pub root: &'a Node,
    pub findings: &'a mut Findings,
}

impl Report<'_> {
    pub fn error(&mut self, path: &KeyPath<'_>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.findings.error_at(Some(self.root.position(path)), path.to_string(), message, hint.into());
    }

    pub fn warning(&mut self, path: &KeyPath<'_>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.findings.warning_at(self.root.position(path), path.to_string(), message.into(), hint.into());
    }

    /// The key itself is the trouble, not its value.
    pub fn error_on_key(&mut self, path: &KeyPath<'_>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let at = self.root.key_position(path).unwrap_or(self.root.at);
        self.findings.error_at(Some(at), path.to_string(), message, hint.into());
    }

    /// Says that `key` is missing or empty under `path`, unless what is there was found wrong already.
    pub fn missing(&mut self, path: &KeyPath<'_>, key: &str, hint: impl Into<Option<String>>) {
        let full = path.key(key);
        match self.root.find(&full) {
            None => self.error_on_key(path, format!("`{key}` is missing"), hint),
            Some(node) if node.is_null() => self.error_on_key(&full, "the value is empty", hint),
            Some(_) => {}
        }
    }

    /// The key is in the file, whatever its value.
    pub fn has(&self, path: &KeyPath<'_>) -> bool {
        self.root.find(path).is_some_and(|node| !node.is_null())
    }
}

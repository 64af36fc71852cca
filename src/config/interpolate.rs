//! `${ENV}`, `${ENV:-default}` and `${file:/path}` inside the texts of a tree. `$${` is a plain `${`.

use std::path::Path;

use super::files::Files;
use super::findings::Findings;
use super::node::{Entry, KeyPath, Node, Scalar, Value};

/// Where the values come from, and what was found on the way.
pub struct Interpolation<'a> {
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What `${file:}` paths are relative to.
    pub folder: &'a Path,
    pub files: &'a mut Files,
    pub findings: &'a mut Findings,
    /// Gets every value that must not be shown.
    pub secrets: &'a mut Vec<String>,
}

/// Why a reference cannot be resolved, and what to do.
struct Unresolved {
    message: String,
    hint: Option<String>,
}

impl Interpolation<'_> {
    /// Resolves every reference in the tree. What cannot be resolved is reported, and broken from then on.
    pub fn resolve(&mut self, root: &mut Node) {
        self.node(root, &KeyPath::Root, false);
    }

    /// `secret`: what is inside belongs to a secret, even if it should not be a mapping or a list.
    fn node(&mut self, node: &mut Node, path: &KeyPath<'_>, secret: bool) {
        let secret = secret || holds_secret(path);
        match &mut node.value {
            Value::Map(entries) => {
                for Entry { key, value, .. } in entries {
                    if secret {
                        self.secrets.push(key.clone());
                    }
                    self.node(value, &path.key(key), secret);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &path.item(index), secret);
                }
            }
            Value::Scalar(scalar) => {
                if let Err(unresolved) = self.scalar(scalar, secret) {
                    self.findings.error_at(Some(node.at), path.to_string(), unresolved.message, unresolved.hint);
                    node.value = Value::Broken;
                }
            }
            Value::Broken => {}
        }
    }

    fn scalar(&mut self, scalar: &mut Scalar, secret: bool) -> Result<(), Unresolved> {
        if scalar.text.contains("${") {
            let before = self.secrets.len();
            scalar.text = self.expand(&scalar.text)?;
            scalar.resolved = self.secrets.len() > before;
        }
        if secret {
            self.secrets.push(scalar.text.clone());
        }
        Ok(())
    }

    fn expand(&mut self, text: &str) -> Result<String, Unresolved> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(literal) = before.strip_suffix('$') {
                out.push_str(literal);
                out.push_str("${");
                rest = after;
                continue;
            }
            let Some((reference, after)) = after.split_once('}') else {
                return Err(Unresolved {
                    message: "`${` without its `}`".into(),
                    hint: Some("for the two characters themselves write `$${`".into()),
                });
            };
            out.push_str(before);
            let value = self.lookup(reference)?;
            out.push_str(&value);
            self.secrets.push(value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn lookup(&mut self, reference: &str) -> Result<String, Unresolved> {
        if let Some(file) = reference.strip_prefix("file:") {
            return self.file(file);
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            let message = "this is no reference".into();
            return Err(Unresolved { message, hint: Some("write `${NAME}`, `${NAME:-default}` or `${file:/path}`".into()) });
        }
        match ((self.env)(name).filter(|value| !value.is_empty()), default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => {
                let state = if (self.env)(name).is_some() { "is empty" } else { "is not set" };
                Err(Unresolved {
                    message: format!("the environment variable `{name}` {state}"),
                    hint: Some(format!("set it, or write `${{{name}:-default}}`")),
                })
            }
        }
    }

    fn file(&mut self, name: &str) -> Result<String, Unresolved> {
        let path = self.folder.join(name);
        let shown = path.display();
        let content =
            self.files.read(&path).map_err(|error| Unresolved { message: format!("cannot read {shown}: {error}"), hint: None })?;
        let text = String::from_utf8(content).map_err(|_| Unresolved { message: format!("{shown} is not UTF-8 text"), hint: None })?;
        let value = text.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(Unresolved { message: format!("{shown} is empty"), hint: None });
        }
        Ok(value.to_owned())
    }
}

/// A literal here must not be shown. A `tls.key` is only the name of a file.
fn holds_secret(path: &KeyPath<'_>) -> bool {
    match path {
        KeyPath::Key(_, "api_key" | "token") | KeyPath::Key(KeyPath::Key(_, "headers"), _) => true,
        KeyPath::Key(parent, "key") => !matches!(parent, KeyPath::Key(_, "tls")),
        _ => false,
    }
}

//! Where the configuration comes from.

use std::path::{Path, PathBuf};

use super::check::VendorFacts;
use super::diagnostic::{Diagnostic, LoadError, Severity};
use super::env::from_environment;
use super::files::hash_files;
use super::load::load_over;
use super::sealed::MakeSealer;
use super::types::Config;

const VARIABLE: &str = "LLM_SIDECAR_CONFIG";
const DEFAULT: &str = "config.yaml";

/// A file, or (`None`) the vendors' keys in the environment alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: Option<PathBuf>,
}

impl Source {
    /// The file that was given, or that `$LLM_SIDECAR_CONFIG` names, or `./config.yaml` if there is one.
    pub fn find(given: Option<PathBuf>, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let named = || env(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
        let present = || Some(PathBuf::from(DEFAULT)).filter(|path| path.exists());
        Self { path: given.or_else(named).or_else(present) }
    }

    /// # Errors
    /// As [`load`]; without a file, if there is no vendor's key in the environment either.
    pub fn load(&self, vendors: &[VendorFacts], env: &dyn Fn(&str) -> Option<String>, sealer: MakeSealer<'_>) -> Result<Config, LoadError> {
        self.load_over(vendors, env, sealer, "")
    }

    /// The same with what the store holds. Without a file there is no store.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_over(
        &self,
        vendors: &[VendorFacts],
        env: &dyn Fn(&str) -> Option<String>,
        sealer: MakeSealer<'_>,
        store: &str,
    ) -> Result<Config, LoadError> {
        match &self.path {
            Some(path) => load_over(path, vendors, env, sealer, store),
            None => from_environment(vendors, env).ok_or_else(|| nothing(vendors)),
        }
    }
}

/// There is neither a file nor a key: says what to do.
fn nothing(vendors: &[VendorFacts]) -> LoadError {
    let known: Vec<&str> = vendors.iter().filter_map(|vendor| vendor.env.first()).map(String::as_str).take(3).collect();
    let files = vec![Path::new(DEFAULT).to_owned()];
    let hint = format!(
        "put a vendor's key into the environment ({}, ...), or give a file: --config FILE, ${VARIABLE} or ./{DEFAULT}",
        known.join(", ")
    );
    let diagnostic = Diagnostic {
        severity: Severity::Error,
        file: DEFAULT.into(),
        line: 0,
        column: 0,
        path: String::new(),
        message: "there is no configuration file and no vendor's key in the environment".into(),
        hint: Some(hint),
        snippet: None,
    };
    LoadError { diagnostics: vec![diagnostic], hash: hash_files(&files), files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_file_comes_before_the_variable() {
        let env = |name: &str| (name == VARIABLE).then(|| "/etc/sidecar.yaml".to_owned());
        assert_eq!(Source::find(Some("mine.yaml".into()), &env).path, Some("mine.yaml".into()));
        assert_eq!(Source::find(None, &env).path, Some("/etc/sidecar.yaml".into()));
    }

    #[test]
    fn without_anything_it_says_what_to_do() {
        let vendors = [VendorFacts { id: "openai".into(), env: vec!["OPENAI_API_KEY".into()], ..VendorFacts::default() }];
        let error = Source { path: None }.load(&vendors, &|_| None, &|_| Err(String::new())).unwrap_err();
        assert!(error.to_string().contains("OPENAI_API_KEY") && error.to_string().contains("--config FILE"), "{error}");
    }
}

//! What is wrong with a configuration, for people: where, what, the line itself and what to do.

use std::fmt;
use std::path::PathBuf;

/// A line is cut to this many characters around the caret.
const WIDTH: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One finding. Nothing in it holds a secret: lines and messages are masked when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub file: PathBuf,
    /// Counted from 1; 0 if the finding is about the file as a whole.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The keys down to the value: `providers.main.timeout`. Empty where there is no such value.
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
    pub snippet: Option<Snippet>,
}

/// The line a finding is about, masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    /// Where the caret goes, in characters, counted from 0.
    pub caret: usize,
}

impl Diagnostic {
    /// `file:line:column: error: message`, for a log.
    pub fn headline(&self) -> String {
        let mut line = self.file.display().to_string();
        if self.line > 0 {
            line.push_str(&format!(":{}:{}", self.line, self.column));
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        line.push_str(&format!(": {severity}: "));
        if !self.path.is_empty() {
            line.push_str(&format!("{}: ", self.path));
        }
        line.push_str(&self.message);
        line
    }
}

/// The headline, the line with a caret under the place, and the hint.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.text.chars().count();
        let from = if length > WIDTH { self.caret.saturating_sub(WIDTH / 2) } else { 0 };
        let shown: String = self.text.chars().skip(from).take(WIDTH).collect();
        let (before, after) = (if from > 0 { "..." } else { "" }, if length > from + WIDTH { "..." } else { "" });
        // Tabs are kept, so that the caret stands under its character in any terminal.
        let pad: String = shown.chars().take(self.caret - from).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "    {before}{shown}{after}")?;
        write!(f, "    {}{pad}^", " ".repeat(before.len()))
    }
}

/// Why a configuration could not be used.
#[derive(Debug)]
pub struct LoadError {
    /// At least one error, and any warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read or looked for, so that a repair can be waited for.
    pub files: Vec<PathBuf>,
    /// What [`super::hash_files`] said of `files` when they were read.
    pub hash: String,
}

/// All findings in full, one after the other.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: "config.yaml".into(),
            line: 3,
            column: 5,
            path: "providers.main".into(),
            message: "unknown key `typ`".into(),
            hint: Some("did you mean `type`?".into()),
            snippet: Some(Snippet { text: "    typ: openai".into(), caret: 4 }),
        }
    }

    #[test]
    fn rendered_in_full() {
        let expected =
            "config.yaml:3:5: error: providers.main: unknown key `typ`\n        typ: openai\n        ^\n    hint: did you mean `type`?";
        assert_eq!(diagnostic().to_string(), expected);
    }

    #[test]
    fn a_file_as_a_whole_has_no_line() {
        let whole = Diagnostic { line: 0, path: String::new(), snippet: None, hint: None, message: "not there".into(), ..diagnostic() };
        assert_eq!(whole.to_string(), "config.yaml: error: not there");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let shown = Snippet { text, caret: 1000 }.to_string();
        let (line, caret) = shown.split_once('\n').unwrap();
        assert!(line.chars().count() < 200, "{line}");
        assert_eq!(line.find('X'), caret.find('^'));
    }
}

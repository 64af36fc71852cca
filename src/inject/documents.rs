//! Streams of manifests, as `kubectl` takes them: YAML documents or JSON. Only documents that change are written anew; all others
//! keep their bytes, comments and all.

use serde_json::Value;

use super::manifest::{Kind, templates};
use super::patch::Patch;
use super::pod::{Cluster, Done, Refusal, inject};
use super::remove::remove;
use super::settings::Settings;

/// What is done with each pod.
#[derive(Clone, Copy, Debug)]
pub enum Action<'s> {
    Inject(&'s Settings, Cluster),
    Remove,
}

/// How changed documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As they came.
    #[default]
    Same,
    Yaml,
    Json,
}

/// What became of one manifest.
#[derive(Debug)]
pub struct Report {
    /// `deployment/web`, as `kubectl` names it.
    pub name: String,
    pub fate: Fate,
    pub warnings: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Changed,
    /// It has pods, but there was nothing to do.
    Unchanged,
    /// It runs no pods.
    Skipped,
    Refused(Refusal),
}

/// Goes through a stream of manifests. Gives the stream that results and what became of each manifest.
///
/// # Errors
/// Says which document is neither YAML nor JSON.
pub fn run(text: &str, action: Action<'_>, format: Format) -> Result<(String, Vec<Report>), String> {
    let is_json = text.trim_start().starts_with('{');
    let documents = if is_json { json_documents(text) } else { yaml_documents(text) };
    let (mut out, mut reports) = (String::with_capacity(text.len() + 4096), Vec::new());
    for (number, document) in documents.into_iter().enumerate() {
        let manifest = if is_json { serde_json::from_str(document.body).map_err(|e| e.to_string()) } else { read_yaml(document.body) };
        let manifest = manifest.map_err(|message| format!("document {}: {message}", number + 1))?;
        out.push_str(document.separator);
        if manifest.is_null() {
            out.push_str(document.body);
            continue;
        }
        let (manifest, report) = one(manifest, action);
        let has_changed = report.fate == Fate::Changed;
        reports.push(report);
        match format {
            Format::Same if !has_changed => out.push_str(document.body),
            Format::Same if is_json => write_json(&manifest, &mut out)?,
            Format::Json => write_json(&manifest, &mut out)?,
            Format::Same | Format::Yaml => write_yaml(&manifest, &mut out)?,
        }
    }
    Ok((out, reports))
}

/// Changes every pod of a manifest.
fn one(mut manifest: Value, action: Action<'_>) -> (Value, Report) {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let own = if text("/metadata/name").is_empty() { text("/metadata/generateName") } else { text("/metadata/name") };
    let name = format!("{}/{own}", text("/kind").to_ascii_lowercase());
    let Kind::Pods(pointers) = templates(&manifest) else {
        return (manifest, Report { name, fate: Fate::Skipped, warnings: Vec::new() });
    };
    let (mut fate, mut all_warnings) = (Fate::Unchanged, Vec::new());
    for pointer in pointers {
        let Some(place) = manifest.pointer_mut(&pointer) else { continue };
        let patch = match action {
            Action::Remove => remove(place.clone()),
            Action::Inject(settings, cluster) => match inject(place.clone(), settings, cluster, true) {
                Ok(Done::NotWanted) => continue,
                Ok(Done::Injected { patch, warnings }) => {
                    all_warnings.extend(warnings);
                    patch
                }
                Err(refusal) if settings.strict => {
                    return (manifest, Report { name, fate: Fate::Refused(refusal), warnings: all_warnings });
                }
                Err(refusal) => {
                    all_warnings.push(refusal.message);
                    continue;
                }
            },
        };
        if !Patch::is_empty(&patch) {
            fate = Fate::Changed;
            *place = patch.into_value();
        }
    }
    (manifest, Report { name, fate, warnings: all_warnings })
}

struct Document<'t> {
    /// What stands before it, `---` and all.
    separator: &'t str,
    body: &'t str,
}

/// Documents of a YAML stream, cut at their separators (YAML 1.2, 9.2), which stand at the beginning of a line wherever they are.
fn yaml_documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut separator, mut start, mut at) = ("", 0, 0);
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if matches!(line.trim_end(), "---") || line.starts_with("--- ") {
            documents.push(Document { separator, body: text.get(start..at).unwrap_or_default() });
            // What stands behind the dashes belongs to the document.
            let width = if line.starts_with("--- ") && !line.trim_end().ends_with("---") { 4 } else { line.len() };
            separator = text.get(at..at + width).unwrap_or_default();
            start = at + width;
        }
        at = end;
    }
    documents.push(Document { separator, body: text.get(start..).unwrap_or_default() });
    documents
}

/// JSON values that stand one after the other.
fn json_documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut start = 0;
    while let Some(Ok(_)) = values.next() {
        documents.push(Document { separator: "", body: text.get(start..values.byte_offset()).unwrap_or_default() });
        start = values.byte_offset();
    }
    let rest = text.get(start..).unwrap_or_default();
    if !rest.trim().is_empty() {
        documents.push(Document { separator: "", body: rest });
    }
    documents
}

/// A YAML document as the API server would read it: `0644` is a number, and so is `1e3`.
fn read_yaml(text: &str) -> Result<Value, String> {
    let options = serde_yaml::options! { legacy_octal_numbers: true, with_snippet: false };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    serde_yaml::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// Strings that YAML 1.1, which the API server reads, would take for something else are quoted.
fn write_yaml(manifest: &Value, out: &mut String) -> Result<(), String> {
    let options = serde_yaml::ser_options! { prefer_block_scalars: true, folded_wrap_chars: 100_000 };
    out.push_str(&serde_yaml::to_string_with_options(manifest, options).map_err(|error| error.to_string())?);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    Ok(())
}

fn write_json(manifest: &Value, out: &mut String) -> Result<(), String> {
    out.push_str(&serde_json::to_string_pretty(manifest).map_err(|error| error.to_string())?);
    out.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: Cluster = Cluster { has_native_sidecars: Some(true) };

    const STREAM: &str = "# a web server\napiVersion: v1\nkind: Service\nmetadata: {name: web} # kept\n---\n\
        apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: {a: \"yes\", b: \"0644\", c: '1e3', d: \"null\"}\n\
        spec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: app\n          command: [\"sh\", \"-c\", \"a: b\\n  c\\n\"]\n\
        \x20     volumes:\n        - name: v\n          secret: {secretName: s, defaultMode: 0644}\n---\n# nothing\n";

    fn injected(text: &str, format: Format) -> (String, Vec<Report>) {
        run(text, Action::Inject(&Settings::default(), CLUSTER), format).unwrap()
    }

    #[test]
    fn only_what_changes_is_written_anew() {
        let (out, reports) = injected(STREAM, Format::Same);
        let fates: Vec<_> = reports.iter().map(|report| (report.name.as_str(), &report.fate)).collect();
        assert_eq!(fates, [("service/web", &Fate::Skipped), ("deployment/web", &Fate::Changed)]);
        assert!(out.starts_with("# a web server\napiVersion: v1\nkind: Service\nmetadata: {name: web} # kept\n---\n"), "{out}");
        assert!(out.ends_with("---\n# nothing\n") && out.contains("llm-sidecar"), "{out}");
    }

    #[test]
    fn values_keep_their_types() {
        let (out, _) = injected(STREAM, Format::Same);
        let read = |text: &str| read_yaml(yaml_documents(text).get(1).unwrap().body).unwrap();
        let (before, after) = (read(STREAM), read(&out));
        assert_eq!(before["metadata"], after["metadata"]);
        assert_eq!(before["metadata"]["annotations"], serde_json::json!({"a": "yes", "b": "0644", "c": "1e3", "d": "null"}));
        assert_eq!(after["spec"]["template"]["spec"]["volumes"][0]["secret"]["defaultMode"], 420);
        assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["command"][2], "a: b\n  c\n");
        for word in ["\"yes\"", "0644", "1e3", "null"] {
            let line = out.lines().find(|line| line.contains(word.trim_matches('"'))).unwrap();
            assert!(line.contains('"') || line.contains('\''), "{line}");
        }
    }

    #[test]
    fn a_second_run_changes_nothing_and_the_way_back_leads_to_the_same_values() {
        let (once, _) = injected(STREAM, Format::Same);
        let (twice, reports) = injected(&once, Format::Same);
        assert_eq!(once, twice);
        assert!(reports.iter().all(|report| report.fate != Fate::Changed));
        let (back, _) = run(&once, Action::Remove, Format::Same).unwrap();
        for (one, other) in yaml_documents(STREAM).into_iter().zip(yaml_documents(&back)) {
            assert_eq!(read_yaml(one.body), read_yaml(other.body));
        }
    }

    #[test]
    fn json_is_taken_and_given() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"x-"},"spec":{"containers":[{"name":"app"}]}}"#;
        let (out, reports) = injected(&format!("{pod}\n{pod}"), Format::Same);
        assert_eq!(reports.iter().map(|report| report.name.as_str()).collect::<Vec<_>>(), ["pod/x-", "pod/x-"]);
        assert_eq!(serde_json::Deserializer::from_str(&out).into_iter::<Value>().filter_map(Result::ok).count(), 2);
        let (yaml, _) = injected(pod, Format::Yaml);
        assert!(yaml.starts_with("apiVersion: v1\nkind: Pod\n"), "{yaml}");
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_number() {
        let error = run("a: 1\n---\nb: [\n", Action::Remove, Format::Same).unwrap_err();
        assert!(error.starts_with("document 2: "), "{error}");
    }
}

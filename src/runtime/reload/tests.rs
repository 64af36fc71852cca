use std::fs;
use std::path::Path;

use super::*;
use crate::config::Source;

fn load(path: &Path) -> Result<Config, LoadFailure> {
    let source = Source { path: Some(path.to_owned()) };
    let key = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-test-0123456789".to_owned());
    source.load(&crate::vendor::facts(), &key, &|_| Err("nothing is sealed".to_owned())).map_err(|failed| LoadFailure {
        errors: failed.diagnostics.iter().map(ToString::to_string).collect(),
        diagnostics: failed.diagnostics,
        files: failed.files,
        hash: failed.hash,
    })
}

#[test]
fn files_that_were_read_already_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let write = |model: &str| fs::write(&path, format!("providers: {{openai: {{type: openai, models: [{model}]}}}}\n")).unwrap();
    write("a");
    let first = load(&path).ok().unwrap();
    let runtime = Runtime::new(
        first,
        Stored::default(),
        Box::new({
            let path = path.clone();
            move |_| load(&path)
        }),
    )
    .unwrap();
    assert!(runtime.reload_changed().is_none());
    write("b");
    assert_eq!(runtime.reload_changed().map(|status| (status.in_sync, status.generation)), Some((true, 2)));
    assert!(runtime.reload_changed().is_none());
    // What is wrong is told by whoever reads it first.
    fs::write(&path, "providers: [").unwrap();
    assert!(!runtime.reload().in_sync);
    assert!(runtime.reload_changed().is_none());
    write("b");
    assert_eq!(runtime.reload_changed().map(|status| status.in_sync), Some(true));
    assert_eq!(runtime.reload().generation, 3, "asked for, it is done in any case");
}

//! A configuration in several files.

use super::*;

#[test]
fn maps_are_merged_and_lists_appended() {
    let (folder, config) = load_files(&[
        (
            "config.yaml",
            "include: [providers.d/*.yaml, extra.yaml]\nproviders: {a: {type: groq}}\nclients: [{name: a, key: \"${KEY}1\"}]\n",
        ),
        ("providers.d/1.yaml", "providers: {b: {type: groq}}\n"),
        ("providers.d/2.yaml", "providers: {c: {type: groq, api_key: \"${file:key}\"}}\n"),
        ("providers.d/key", "from-a-file\n"),
        ("providers.d/.hidden.yaml", "providers: {d: {type: groq}}\n"),
        ("providers.d/note.txt", "not yaml: [\n"),
        (
            "extra.yaml",
            "clients: [{name: b, key: \"${KEY}2\"}]\nmodels: {fast: {targets: [{provider: c, model: m}]}}\ninclude: [config.yaml, more/*.yaml]\n",
        ),
    ]);
    let config = config.unwrap();
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(config.clients.len(), 2);
    assert_eq!(config.models.len(), 1);
    for name in ["config.yaml", "extra.yaml", "providers.d", "providers.d/1.yaml", "providers.d/2.yaml", "providers.d/key", "more"] {
        assert!(config.files.contains(&folder.path().join(name)), "{name} of {:?}", config.files);
    }
    assert!(!config.files.contains(&folder.path().join("providers.d/note.txt")));
}

#[test]
fn a_name_in_two_files_is_an_error_that_names_both() {
    let (folder, result) = load_files(&[
        ("config.yaml", "include: [b.yaml]\nlisten: 127.0.0.1:1\nproviders:\n  main: {type: groq}\n"),
        ("b.yaml", "listen: 127.0.0.1:2\nproviders:\n\n  main: {type: groq}\n"),
    ]);
    let error = result.unwrap_err();
    let main = folder.path().join("config.yaml").display().to_string();
    let found: Vec<(String, String)> = error
        .diagnostics
        .iter()
        .map(|found| (format!("{}:{}:{}", found.file.file_name().unwrap().display(), found.line, found.column), found.message.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("b.yaml:1:1".to_owned(), format!("already defined in {main}:2:1")),
            ("b.yaml:4:3".to_owned(), format!("already defined in {main}:4:3"))
        ]
    );
}

#[test]
fn mistakes_in_an_included_file_have_their_place_there() {
    let (folder, result) =
        load_files(&[("config.yaml", "include: [b.yaml]\n"), ("b.yaml", "providers:\n  main: {type: opnai, api_key: canary}\n")]);
    let error = result.unwrap_err();
    assert_eq!(headlines(&folder, &error), ["b.yaml:2:16: error: providers.main.type: unknown vendor `opnai`"]);
    assert_eq!(error.diagnostics[0].snippet.as_ref().unwrap().text, "  main: {type: opnai, api_key: ***}");
}

#[test]
fn what_cannot_be_included_is_said() {
    for (pattern, expected) in
        [("missing.yaml", "cannot read"), ("\"*/x.yaml\"", "only in a file's name"), ("\"[\"", "not a pattern"), ("..", "names no file")]
    {
        let found = errors(&format!("include: [{pattern}]\nproviders: {{a: {{type: groq}}}}\n"));
        assert!(found.len() == 1 && found[0].contains(expected), "{pattern}: {found:?}");
    }
    good("include: [nowhere/*.yaml]\nproviders: {a: {type: groq}}\n");
}

#[test]
fn a_shared_block_and_merge_keys() {
    let config = good(
        "providers:\n  a: &groq\n    type: groq\n    retry: {attempts: 2}\n  b:\n    <<: *groq\n    retry: {attempts: 4}\n  c: *groq\n",
    );
    let attempts: Vec<u32> = config.providers.values().map(|provider| provider.retry.attempts).collect();
    assert_eq!(attempts, [2, 4, 2]);
}

//! What is said about mistakes: the place, the words, the hint, and all of them at once.

use super::*;

#[test]
fn a_mistyped_key_is_shown_with_its_line_and_the_right_one() {
    let expected = "\
config.yaml:4:5: error: providers.main: unknown key `api_keey`; did you mean `api_key`?
        api_keey: ***
        ^";
    assert_eq!(rendered("providers:\n  main:\n    type: groq\n    api_keey: canary\n"), expected);
}

#[test]
fn an_unknown_key_without_a_near_one_lists_what_is_known() {
    let text = rendered("log: {colour: red}\nproviders: {a: {type: groq}}\n");
    assert!(text.starts_with("config.yaml:1:7: error: log: unknown key `colour`\n"), "{text}");
    assert!(text.contains("hint: known here: `level`, `format` or `access`"), "{text}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "\
listen: 4000
admn: {}
providers:
  main:
    type: opnai
    base_url: api.example.com
    api_key: ${UNSET}
    timeout: {connect: 5, idle: 0s, fist_token: 1s}
    retry: {attempts: 11, backoff: 2s..1s}
models:
  fast:
    strategy: weigted
    targets: [{provider: mian, model: m}, {model: m}]
server: {max_body: 8mib, workers: many}
";
    assert_eq!(
        errors(text),
        [
            "config.yaml:1:9: error: listen: `4000` is not an address to listen on",
            "config.yaml:2:1: error: unknown key `admn`; did you mean `admin`?",
            "config.yaml:5:11: error: providers.main.type: unknown vendor `opnai`",
            "config.yaml:6:15: error: providers.main.base_url: the URL has no `https://` or `http://`",
            "config.yaml:7:14: error: providers.main.api_key: the environment variable `UNSET` is not set",
            "config.yaml:8:24: error: providers.main.timeout.connect: `5` has no unit: write `5s` for seconds, `5ms` for milliseconds",
            "config.yaml:8:33: error: providers.main.timeout.idle: must be more than 0",
            "config.yaml:8:37: error: providers.main.timeout: unknown key `fist_token`; did you mean `first_token`?",
            "config.yaml:9:23: error: providers.main.retry.attempts: must be 1 to 10",
            "config.yaml:9:36: error: providers.main.retry.backoff: the range `2s..1s` begins after its end",
            "config.yaml:12:15: error: models.fast.strategy: `weigted` is not known; did you mean `weighted`?",
            "config.yaml:13:26: error: models.fast.targets[0].provider: there is no provider `mian`",
            "config.yaml:13:43: error: models.fast.targets[1]: `provider` is missing",
            "config.yaml:14:20: error: server.max_body: `8mib` is not a size: write it like `8MiB`, `512KiB` or `1000000`",
            "config.yaml:14:35: error: server.workers: expected a whole number, found `many`",
        ]
    );
}

#[test]
fn broken_yaml_has_its_place() {
    let text = rendered("providers:\n  main: {type: openai\n");
    assert!(text.starts_with("config.yaml:2:"), "{text}");
    assert!(text.contains("error: this is not YAML: "), "{text}");
    let text = rendered("providers:\n\tmain: {}\n");
    assert!(text.starts_with("config.yaml:2:2: error: this is not YAML: ") && text.contains("hint: indent with spaces"), "{text}");
    let text = rendered("providers:\n  main: {type: openai, api_key: ${KEY}}\n");
    assert!(text.contains("put `${...}` in quotes"), "{text}");
}

#[test]
fn every_repeated_key_is_an_error() {
    let text = "log: {level: info, level: warn}\nproviders:\n  a: {type: groq}\n  a: {type: groq}\nlog: {}\n";
    assert_eq!(
        errors(text),
        [
            "config.yaml:1:20: error: the key `level` is there twice",
            "config.yaml:4:3: error: the key `a` is there twice",
            "config.yaml:5:1: error: the key `log` is there twice",
        ]
    );
}

#[test]
fn values_of_the_wrong_kind() {
    let cases = [
        ("- a\n- b\n", "config.yaml:1:1: error: expected a mapping, found a list"),
        ("just text", "config.yaml:1:1: error: expected a mapping, found a single value"),
        ("providers: []\n", "config.yaml:1:12: error: providers: expected a mapping, found a list"),
        ("providers:\n  a: openai\n", "config.yaml:2:6: error: providers.a: expected a mapping, found a single value"),
        ("providers:\n  a:\n", "config.yaml:2:3: error: providers.a: the value is empty; expected a mapping"),
        ("clients: {a: b}\nproviders: {a: {type: groq}}\n", "config.yaml:1:10: error: clients: expected a list, found a mapping"),
        (
            "listen: {}\nproviders: {a: {type: groq}}\n",
            "config.yaml:1:9: error: listen: expected a text or a list of texts, found a mapping",
        ),
        ("providers: {a: {type: groq, api_key: [x]}}\n", "config.yaml:1:38: error: providers.a.api_key: expected a text, found a list"),
        (
            "server: {allow_open: yes}\nproviders: {a: {type: groq}}\n",
            "config.yaml:1:22: error: server.allow_open: expected `true` or `false`, found `yes`",
        ),
        (
            "log: {format: xml}\nproviders: {a: {type: groq}}\n",
            "config.yaml:1:15: error: log.format: expected `json` or `text`, found `xml`",
        ),
    ];
    for (text, expected) in cases {
        assert!(errors(text).contains(&expected.to_owned()), "{text}: {:#?}", errors(text));
    }
}

#[test]
fn an_empty_file_has_no_providers() {
    for text in ["", "# nothing\n", "---\n", "providers:\n", "providers: {}\n"] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("there are no providers"), "{found:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(&folder.path().join("config.yaml"), &vendors(), &env, &local).unwrap_err();
    assert_eq!(error.files, [folder.path().join("config.yaml")]);
    assert!(error.to_string().contains("config.yaml: error: cannot read "), "{error}");
}

#[test]
fn tags_documents_and_odd_keys_are_refused() {
    for (text, expected) in [
        ("providers: !secret x\n", "YAML tags"),
        ("a: 1\n---\nb: 2\n", "more than one YAML document"),
        ("? [a, b]\n: c\n", "a key must be a plain word"),
        ("a: *nowhere\n", "unknown anchor"),
        ("%YAML 1.1\n---\na: b\n", "this is not YAML"),
    ] {
        assert!(rendered(text).contains(expected), "{text}: {}", rendered(text));
    }
}

#[test]
fn there_is_an_end_to_errors() {
    let text: String =
        "providers:\n".to_owned() + &(0..300).map(|n| format!("  p{n}: {{type: nothing-known, api_key: abc}}\n")).collect::<String>();
    let found = errors(&text);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "config.yaml: error: 200 more errors");
}

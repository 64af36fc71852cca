//! No secret in anything that is shown, whatever is wrong.

use super::*;

const CANARY: &str = "canary";

#[test]
fn no_diagnostic_holds_a_secret() {
    let mistakes = [
        "providers: {a: {type: opnai, api_key: canary-1}}",
        "providers: {a: {type: openai, api_keey: canary-1}}",
        "providers:\n  a:\n    type: openai\n    api_key:\n      canary-1: x\n",
        "providers:\n  a:\n    type: openai\n    api_key:\n      - canary-1\n",
        "providers:\n  a:\n    type: openai\n    api_key: |\n      canary-1\n      canary-2\n    base_url: nothing\n",
        "providers:\n  a:\n    type: openai\n    api_key: \"canary-1\n      canary-2\n",
        "providers:\n  a:\n    type: openai\n    api_key: canary-1\n   base_url: [\n",
        "providers: {a: {type: \"${KEY}\"}}",
        "providers: {a: {type: groq, base_url: \"https://user:canary@host/\"}}",
        "providers: {a: {type: groq, base_url: \"https://host/?key=canary\"}}",
        "providers: {a: {type: groq, base_url: \"${KEY}\"}}",
        "providers: {a: {type: groq, timeout: {connect: \"${KEY}\"}}}",
        "providers: {a: {type: groq, retry: {attempts: \"${KEY}\"}}}",
        "providers: {a: {type: groq, headers: {x-key: \"canary\\n1\"}}}",
        "providers: {a: {type: groq, api_key: \"canary 1\"}}",
        "providers: {a: {type: groq, auth: forward, api_key: canary-1}}",
        "providers: {a: {type: groq, tls: {ca: \"${KEY}\"}}}",
        "clients: [{name: a, key: canary}]\nproviders: {a: {type: groq}}",
        "clients: [{name: a, key: canary-12}, {name: b, key: canary-12}]\nproviders: {a: {type: groq}}",
        "admin: {tokens: [{name: a, token: canary}, canary]}\nproviders: {a: {type: groq}}",
        "listen: \"${KEY}\"\nproviders: {a: {type: groq}}",
        "log: {level: \"${KEY}\"}\nproviders: {a: {type: groq}}",
        "include: [\"${KEY}\"]\nproviders: {a: {type: groq}}",
        "providers: {a: {type: groq}}\nmodels: {fast: {targets: [{provider: \"${KEY}\", model: m}]}}",
        "providers: {a: {type: groq, api_key: *canary}}",
        "providers: {a: {type: groq, api_key: !canary x}}",
        "providers: {a: {type: groq, api_key: ${UNSET:-canary}}}",
        "providers: {a: {type: groq, api_key: canary, api_key: canary}}",
        "providers:\n  a: {type: groq, api_key: \"enc:canary\"}\n",
        "providers:\n  a:\n    type: groq\n    api_keys:\n      - canary-1\n      - canary-1\n",
        "providers: {a: {type: groq, api_keys: [canary-1, canary-1]}}",
    ];
    for text in mistakes {
        let shown = rendered(text);
        assert!(!shown.contains(CANARY), "{text}\n{shown}");
    }
}

#[test]
fn no_warning_and_no_debug_output_holds_a_secret() {
    let config =
        good("providers: {a: {type: groq, api_key: canary-1, limit: {requests: {rate: 1/s}}}}\nclients: [{name: a, key: canary-12}]\n");
    assert_eq!(config.warnings.len(), 2);
    assert!(!format!("{config:?}").contains(CANARY), "{config:?}");
}

#[test]
fn the_caret_stays_under_its_place() {
    let text = rendered("providers: {a: {api_key: canary-1, type: opnai}}");
    let lines: Vec<&str> = text.lines().collect();
    let caret = lines.iter().rposition(|line| line.trim() == "^").unwrap();
    assert_eq!(lines[caret - 1].find("opnai"), lines[caret].find('^'), "{text}");
}

//! Files made to exhaust memory or time, and large ones that are fine.

use std::fmt::Write;

use super::*;

#[test]
fn alias_bombs_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let reference = format!("*a{}", n - 1);
        writeln!(laughs, "a{n}: &a{n} [{}]", [reference.as_str(); 10].join(", ")).unwrap();
    }
    assert!(rendered(&laughs).contains("aliases add more than"));
    let wide = format!("a: &a {{b: c}}\nd: [{}]\n", vec!["*a"; 50_000].join(", "));
    assert!(rendered(&wide).contains("aliases add more than"));
    let nested = format!("a: {}{}{}", "&x [".repeat(60), "y, ".repeat(10_000), "]".repeat(60));
    assert!(rendered(&nested).contains("too many values"));
    assert!(load_files(&[("config.yaml", "a: &a [*a]\n")]).1.is_err());
}

#[test]
fn depth_is_limited() {
    for text in ["[".repeat(10_000), "{a: ".repeat(10_000), "- ".repeat(10_000), "quirks: ".to_owned() + &"[".repeat(65) + &"]".repeat(65)]
    {
        let (_, result) = load_files(&[("config.yaml", &text)]);
        assert!(result.is_err());
    }
    let deep = |levels: usize| provider(&format!("quirks: {{a: {}1{}}}", "[".repeat(levels), "]".repeat(levels)));
    good(&deep(50));
    assert!(load_files(&[("config.yaml", &deep(70))]).1.is_err());
}

#[test]
fn size_is_limited() {
    let text = "#".repeat(crate::config::parse::MAX_BYTES + 1);
    assert!(rendered(&text).contains("larger than 4 MiB"));
}

#[test]
fn no_utf8_no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, b"a: \xff\xfe").unwrap();
    assert!(load(&path, &vendors(), &env, &local).unwrap_err().to_string().contains("is not UTF-8"));
}

#[test]
fn a_thousand_providers_and_ten_thousand_aliases() {
    let mut text = "providers:\n".to_owned();
    for n in 0..1000 {
        writeln!(text, "  provider-{n}: {{type: openai, api_key: \"${{KEY}}\", timeout: {{connect: 5s}}, retry: {{attempts: 2}}}}")
            .unwrap();
    }
    text.push_str("models:\n");
    for n in 0..10_000 {
        let (target, fallback) = (n % 1000, (n + 1) % 1000);
        writeln!(
            text,
            "  alias-{n}: {{targets: [{{provider: provider-{target}, model: m}}], fallback: [{{provider: provider-{fallback}, model: m}}]}}"
        )
        .unwrap();
    }
    let config = good(&text);
    assert_eq!((config.providers.len(), config.models.len()), (1000, 10_000));
}

#[test]
fn nothing_makes_it_panic() {
    let seed = "providers:\n  a: &x {type: groq, api_key: \"${KEY}\", headers: {b: 'c'}}\n  <<: *x\nlisten: [\"127.0.0.1:1\"]\n# é\n";
    for cut in (0..seed.len()).filter(|&at| seed.is_char_boundary(at)) {
        let _ = load_files(&[("config.yaml", &seed[..cut])]);
        for junk in ["\t", "{", "*", "\u{0}", "${"] {
            let _ = load_files(&[("config.yaml", &format!("{}{junk}{}", &seed[..cut], &seed[cut..]))]);
        }
    }
}

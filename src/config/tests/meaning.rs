//! What right configurations mean, and which combinations are refused.

use std::time::Duration;

use super::*;
use crate::base::kind::Kind;
use crate::config::{
    Adaptation, Algorithm, Cache, Cause, Concurrency, Degraded, Hedge, HedgeAfter, LogFormat, Mirror, Period, ProviderAuth, Queue,
    RouteCache, Signatures, Strategy, Unsupported,
};

#[test]
fn the_smallest_configuration() {
    let config = good("providers: {groq: {type: groq}}");
    let provider = &config.providers["groq"];
    assert_eq!(provider.base_url, "https://api.groq.com/openai/v1");
    assert!(matches!(&provider.auth, ProviderAuth::Keys(keys) if keys[0].expose() == "canary-groq"));
    assert_eq!(config.listen[0].to_string(), "127.0.0.1:4000");
    assert_eq!(config.admin.listen[0].to_string(), "127.0.0.1:4001");
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.hash.len(), 64);
}

#[test]
fn a_region_is_part_of_the_address() {
    let address = |text: &str| {
        let config = good(&format!("providers: {{a: {text}}}"));
        let provider = &config.providers["a"];
        (provider.base_url.clone(), provider.region.clone())
    };
    let at = |url: &str, region: &str| (url.to_owned(), Some(region.to_owned()));
    assert_eq!(address("{type: bedrock}"), at("https://bedrock.eu-central-1.example", "eu-central-1"));
    assert_eq!(address("{type: bedrock, region: us-east-1}"), at("https://bedrock.us-east-1.example", "us-east-1"));
    assert_eq!(address("{type: bedrock, base_url: \"http://127.0.0.1:1\"}"), at("http://127.0.0.1:1", "eu-central-1"));
    assert!(rendered("providers: {a: {type: cloud}}").contains("region: us-east-1"));
    assert!(rendered("providers: {a: {type: cloud, region: \"a/b\"}}").contains("this is no region"));
}

#[test]
fn everything_at_once() {
    let config = good(
        r#"
listen: ["127.0.0.1:4000", "[::1]:0"]
admin:
  listen: 127.0.0.1:0
  tokens: [{name: ops, role: operator, token: "${KEY}"}]
clients:
  - {name: team-a, key: "${KEY}", models: [fast, "claude/*"], limit: {requests: {rate: 600/min}}, budget: {amount: 50, currency: EUR, per: day}}
providers:
  main:
    type: openai
    api_key: ${KEY}
    organization: org-1
    project: p
    timeout: {connect: 1s, first_token: 2s, idle: 3s, total: 4m}
    retry: {attempts: 2, backoff: 50ms..1s, budget: 10%}
    limit:
      requests: {algorithm: sliding_window, rate: 10/s}
      tokens: {rate: 200000/min, burst: 5}
      concurrency: {max: 200, adaptive: true}
    breaker: {consecutive_failures: 1000000, failure_ratio: 1.0, min_requests: 7, window: 10s, open: 1s..9s}
    models: [gpt-4o]
    headers: {x-team: a}
    quirks: {usage: last, n: 3}
  azure: {type: azure, base_url: "https://my.openai.azure.com/", api_key: "${KEY}", api_version: 2024-10-21, deployments: {gpt-4o: my-gpt}}
  open: {type: openai_compatible, base_url: "http://127.0.0.1:8080/v1"}
  mine: {type: claude, auth: forward}
models:
  fast:
    strategy: weighted
    targets: [{provider: main, model: gpt-4o, weight: 9}, {provider: azure, model: gpt-4o}]
    fallback: [{provider: mine, model: claude-haiku-4-5}]
  meta/llama: {targets: [{provider: open, model: llama}]}
translation: {unsupported: reject, signatures: {max_entries: 7, max_bytes: 1MiB, ttl: 5m}}
prices: {currency: EUR, overrides: {main/gpt-4o: {input: 2.50, output: 10.00, per: 1K}}}
server: {max_body: "${SIZE}", heartbeat: 5s, drain_delay: 0s, workers: 2}
log: {level: "warn,llm_sidecar::proxy=debug", format: text, access: false}
"#,
    );
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.admin.tokens[0].role.name, "operator");
    assert_eq!(config.admin.tokens[0].digest, sha256("canary-env-value"));
    let client = &config.clients[0];
    assert_eq!(client.limit.requests[0].rate.amount, 600);
    assert_eq!(client.budget.as_ref().map(|budget| (budget.currency.as_str(), budget.per)), Some(("EUR", Period::Day)));
    let main = &config.providers["main"];
    assert_eq!(main.timeout.total, Duration::from_secs(240));
    assert_eq!((main.retry.attempts, main.retry.backoff_min), (2, Duration::from_millis(50)));
    assert_eq!(main.limit.requests[0].algorithm, Algorithm::SlidingWindow);
    assert_eq!(main.limit.concurrency.unwrap().adaptive, Some(Adaptation::Aimd));
    assert_eq!((main.breaker.min_requests, main.breaker.open_max), (7, Duration::from_secs(9)));
    assert_eq!(main.headers, [("x-team".to_owned(), "a".to_owned())]);
    assert_eq!(main.quirks, Some(serde_json::json!({"usage": "last", "n": 3})));
    assert_eq!(config.providers["azure"].base_url, "https://my.openai.azure.com");
    assert_eq!(config.providers["azure"].api_version.as_deref(), Some("2024-10-21"));
    assert!(matches!(config.providers["open"].auth, ProviderAuth::None));
    assert!(matches!(config.providers["mine"].auth, ProviderAuth::Forward));
    assert_eq!(config.providers["mine"].vendor, "anthropic");
    let fast = &config.models["fast"];
    assert_eq!((fast.strategy, fast.targets[0].weight, fast.targets[1].weight, fast.fallback.len()), (Strategy::Weighted, 9, 1, 1));
    assert_eq!(config.unsupported, Unsupported::Reject);
    let signatures = Signatures { max_entries: 7, max_bytes: 1 << 20, ttl: Duration::from_secs(300) };
    assert_eq!(config.signatures, signatures);
    let price = &config.prices.overrides["main/gpt-4o"];
    assert_eq!((price.currency.as_str(), price.rates[&Kind::Input]), ("EUR", 2_500_000_000_000), "2.50 for a thousand");
    assert_eq!((config.server.max_body, config.server.workers), (2 << 20, Some(2)));
    assert_eq!((config.log.format, config.log.access), (LogFormat::Text, false));
    let expected = ["clients[0].budget", "prices.currency"];
    assert_eq!(config.warnings.len(), expected.len(), "{:#?}", config.warnings);
    for (warning, path) in config.warnings.iter().zip(expected) {
        assert!(warning.contains(path) && warning.contains("no exchange rate leads from USD"), "{warning}");
    }
}

#[test]
fn keys_for_other_purposes_do_not_excuse_a_missing_one() {
    assert_eq!(errors("providers: {a: {type: openai}}"), ["config.yaml:1:13: error: providers.a: `api_key` is missing"]);
    assert!(rendered("providers: {a: {type: openai}}").contains("hint: set `OPENAI_API_KEY` in the environment"));
    assert!(rendered("providers: {a: {type: frobnicate}}").contains("hint: `llm-sidecar vendors` lists the"));
    let header = |name: &str| rendered(&format!("providers: {{a: {{type: openai, api_key: \"${{K}}\", auth_header: {name}}}}}"));
    assert!(header("host").contains("a.auth_header: the header `host` is set by llm-sidecar itself"), "{}", header("host"));
    assert!(header("a b").contains("a.auth_header: `a b` is not a header's name"), "{}", header("a b"));
    let quirks = rendered("providers: {a: {type: openai, api_key: \"${K}\", quirks: {requst: {drop: [n]}}}}");
    assert!(quirks.contains("a.quirks: unknown field") && quirks.contains("adding-a-vendor.md"), "{quirks}");
    // Set but empty counts as not set.
    assert_eq!(errors("providers: {a: {type: anthropic}}").len(), 1);
    assert_eq!(errors("providers: {a: {type: groq, api_key: \"\"}}"), ["config.yaml:1:38: error: providers.a.api_key: the key is empty"]);
    assert_eq!(errors("providers: {a: {type: groq, api_key: \"a b\"}}").len(), 1);
    assert_eq!(errors("providers: {a: {type: groq, auth: forward, api_key: x}}").len(), 1);
    assert_eq!(
        errors("providers: {a: {type: azure, api_key: \"${KEY}\"}}"),
        ["config.yaml:1:13: error: providers.a: `base_url` is missing"]
    );
    assert_eq!(errors("providers: {a: {}}"), ["config.yaml:1:13: error: providers.a: `type` is missing"]);
}

#[test]
fn a_literal_key_is_warned_of() {
    let config = good("providers: {a: {type: openai, api_key: canary-literal}}");
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("providers.a.api_key: a secret is written in the configuration itself"), "{:?}", config.warnings);
    // A key is a text, whatever it looks like.
    let config = good("providers: {a: {type: openai, api_key: 00123}}");
    assert!(matches!(&config.providers["a"].auth, ProviderAuth::Keys(keys) if keys[0].expose() == "00123"));
}

#[test]
fn open_listeners_are_refused_unless_wanted() {
    let provider = "providers: {a: {type: groq}}\n";
    let open = format!("listen: 0.0.0.0:4000\n{provider}");
    assert!(errors(&open)[0].contains("there are no `clients`"));
    assert!(rendered(&open).contains("allow_open: true"));
    assert_eq!(errors(&format!("admin: {{listen: \"[::]:4001\"}}\n{provider}")).len(), 1);
    good(&format!("listen: 0.0.0.0:4000\nserver: {{allow_open: true}}\n{provider}"));
    good(&format!("listen: 0.0.0.0:4000\nclients: [{{name: a, key: \"${{KEY}}\"}}]\n{provider}"));
    good(&format!("admin: {{listen: \"0.0.0.0:4001\", tokens: [{{name: a, token: \"${{KEY}}\"}}]}}\n{provider}"));
    assert!(errors(&format!("listen: 127.0.0.1:4001\n{provider}"))[0].contains("is the address of `listen` already"));
    assert!(errors(&format!("listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n{provider}"))[0].contains("there twice"));
}

#[test]
fn callers_are_told_apart() {
    let clients = |list: &str| errors(&format!("providers: {{a: {{type: groq}}}}\nclients:\n{list}"));
    assert!(clients("  - {name: a, key: short}\n")[0].contains("shorter than 8 characters"));
    assert!(clients("  - {name: a}\n")[0].contains("`key` is missing"));
    assert!(clients("  - {key: 12345678}\n")[0].contains("`name` is missing"));
    assert!(clients("  - {name: a, key: 12345678}\n  - {name: b, key: 12345678}\n")[0].contains("the same as that of clients[0]"));
    assert!(clients("  - {name: a, key: 12345678}\n  - {name: a, key: 12345679}\n")[0].contains("has the name `a` already"));
    assert!(clients("  - {name: a, key: 12345678, models: [\"[\"]}\n")[0].contains("not a pattern"));
}

#[test]
fn routes_lead_somewhere() {
    let models = |text: &str| errors(&format!("providers: {{main: {{type: groq, models: [m]}}}}\nmodels:\n{text}"));
    assert_eq!(models("  fast: {}\n"), ["config.yaml:3:3: error: models.fast: `targets` is missing"]);
    assert_eq!(models("  fast: {targets: []}\n"), ["config.yaml:3:19: error: models.fast.targets: the list of targets is empty"]);
    assert_eq!(
        models("  fast: {targets: [{provider: main, model: m}], fallback: [{provider: main, model: m}]}\n"),
        ["config.yaml:3:60: error: models.fast.fallback[0]: fallback in a circle: `main/m` has been tried before it comes to this"]
    );
    assert!(
        models("  fast: {targets: [{provider: main, model: m}], fallback: [{provider: man, model: m}]}\n")[0]
            .contains("there is no provider `man`")
    );
    assert!(models("  main/m: {targets: [{provider: main, model: m}]}\n")[0].contains("hides a model of the provider"));
    assert!(models("  fast: {strategy: weighted, targets: [{provider: main, model: m, weight: 0}]}\n")[0].contains("weight 0"));
    let config =
        good("providers: {main: {type: groq, models: [gpt-4o]}}\nmodels: {fast: {targets: [{provider: main, model: gpt-4, weight: 2}]}}\n");
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
}

#[test]
fn everything_that_holds_an_upstream_back() {
    let config = good(
        r#"
providers:
  main:
    type: openai
    api_keys: ["${KEY}", "${PORT}"]
    timeout: {min_tokens_per_second: 1}
    retry: {ambiguous: 1, replay_max: 1MiB}
    limit:
      requests: [{rate: 10/s}, {rate: 1000/d}, {rate: 60/min, algorithm: fixed_window}]
      concurrency: {max: 7, adaptive: true, adaptation: gradient}
      queue: {max_wait: 2s}
    model_limits: {gpt-4o: {tokens: {rate: 30000/min}}}
    breaker: {enabled: false, min_tokens_per_second: 2}
models:
  fast:
    strategy: cheapest
    sticky: true
    targets: [{provider: main, model: gpt-4o}]
    fallback:
      - {provider: main, model: gpt-4o-mini}
      - {provider: main, model: gpt-4.1, on: [context_window, content_policy]}
    hedge: {after: 800ms, budget: 10%}
    mirror: {provider: main, model: gpt-5, sample: 1%}
    degraded: {answer: Please try again later.}
    cache: {ttl: 1h, any: true}
  other:
    targets: [{provider: main, model: gpt-4o}]
    hedge: {}
    degraded: {provider: main, model: gpt-4.1}
    cache: {}
cache: {max_bytes: 8MiB}
"#,
    );
    let main = &config.providers["main"];
    assert!(matches!(&main.auth, ProviderAuth::Keys(keys) if keys.len() == 2));
    let algorithms: Vec<Algorithm> = main.limit.requests.iter().map(|rate| rate.algorithm).collect();
    assert_eq!(algorithms, [Algorithm::TokenBucket, Algorithm::FixedWindow, Algorithm::FixedWindow]);
    assert_eq!(main.limit.concurrency, Some(Concurrency { max: 7, adaptive: Some(Adaptation::Gradient) }));
    assert_eq!(main.limit.queue, Some(Queue { size: 7, max_wait: Duration::from_secs(2) }));
    assert_eq!(main.model_limits["gpt-4o"].tokens[0].rate.amount, 30_000);
    assert_eq!((main.retry.ambiguous, main.retry.replay_max, main.timeout.min_tokens_per_second), (1, 1 << 20, 1));
    assert_eq!((main.breaker.enabled, main.breaker.min_tokens_per_second), (false, 2));
    let fast = &config.models["fast"];
    assert_eq!(fast.fallback[0].on, [Cause::Error, Cause::RateLimit]);
    assert_eq!(fast.fallback[1].on, [Cause::ContextWindow, Cause::ContentPolicy]);
    assert_eq!(fast.hedge, Some(Hedge { after: HedgeAfter::Time(Duration::from_millis(800)), budget: 0.1 }));
    assert!(fast.sticky);
    assert_eq!(fast.mirror, Some(Mirror { provider: "main".into(), model: "gpt-5".into(), sample: 0.01 }));
    assert_eq!(fast.degraded, Some(Degraded::Answer("Please try again later.".into())));
    assert_eq!(fast.cache, Some(RouteCache { ttl: Duration::from_secs(3600), any: true }));
    let other = &config.models["other"];
    assert_eq!(other.hedge, Some(Hedge { after: HedgeAfter::P95, budget: 0.05 }));
    assert_eq!(other.cache, Some(RouteCache { ttl: Duration::from_secs(300), any: false }));
    assert_eq!(config.cache, Cache { max_bytes: 8 << 20, max_entry: 1 << 20 });
    assert!(config.warnings.iter().any(|warning| warning.contains("`main/gpt-4o` has no price")), "{:?}", config.warnings);
}

#[test]
fn values_out_of_range() {
    for (lines, expected) in [
        ("timeout: {first_token: 11m}", "timeout.first_token: 11m is longer than `total`, which is 10m"),
        ("retry: {attempts: 0}", "must be 1 to 10"),
        ("retry: {attempts: -1}", "expected a whole number, found `-1`"),
        ("retry: {budget: 120%}", "not a part of a whole"),
        ("limit: {requests: {rate: 0/s}}", "let nothing through"),
        ("limit: {requests: {burst: 5}}", "`rate` is missing"),
        ("limit: {requests: {rate: 1/s, algorithm: sliding_window, burst: 5}}", "only `token_bucket` has a burst"),
        ("limit: {requests: [{rate: 1/s}, {rate: 0/d}]}", "let nothing through"),
        ("limit: {requests: [{rate: 1/s}, {burst: 5}]}", "limit.requests[1]: `rate` is missing"),
        ("limit: {requests: [{rat: 1/s}]}", "did you mean `rate`?"),
        ("limit: {requests: {rat: 1/s}}", "did you mean `rate`?"),
        ("limit: {concurrency: {max: 0}}", "let nothing through"),
        ("limit: {queue: {size: 0}}", "holds nobody"),
        ("model_limits: {m: {tokens: {rate: 0/min}}}", "let nothing through"),
        ("retry: {ambiguous: 10}", "must be 0 to 9"),
        ("api_keys: [\"${KEY}\"]", "there is an `api_key` already"),
        ("breaker: {failure_ratio: 0}", "more than 0"),
        ("breaker: {open: 0s..5s}", "must not begin at 0"),
        ("headers: {\"a b\": c}", "is not a header's name"),
        ("headers: {Host: c}", "is set by llm-sidecar itself"),
        ("headers: {x-a: \"b\\nc\"}", "no header can carry"),
        ("models: []", "the list of models is empty"),
        ("organization: \"a\\nb\"", "no header can carry"),
        ("tls: {cert: a.pem}", "`key` is missing"),
        ("tls: {ca: nowhere.pem}", "cannot read"),
        ("tls: {server_name: \"a b\"}", "is not a host name"),
    ] {
        let found = errors(&provider(lines));
        assert!(found.iter().any(|error| error.contains(expected)), "{lines}: {found:?}");
    }
    for (lines, expected) in [
        ("prices: {currency: usd}", "`usd` is not a currency"),
        ("prices: {overrides: {gpt-4o: {input: 1, output: 1}}}", "not of the form `provider/model`"),
        ("prices: {overrides: {other/gpt: {input: 1, output: 1}}}", "there is no provider `other`"),
        ("prices: {overrides: {main/gpt: {input: -1, output: 1}}}", "not an amount of money"),
        ("log: {level: inof}", "`inof` is not a level"),
        ("server: {max_event: 1}", "1KiB to 1GiB"),
        ("cache: {max_bytes: 1MiB, max_entry: 2MiB}", "larger than `max_bytes`"),
        ("server: {keep_alive: 0s}", "more than 0"),
        ("server: {max_connections: 0}", "more than 0"),
        ("server: {max_requests: 0}", "more than 0"),
        ("server: {max_memory: 1MiB}", "at least 16MiB"),
    ] {
        let found = errors(&format!("{}{lines}\n", provider("")));
        assert!(found.iter().any(|error| error.contains(expected)), "{lines}: {found:?}");
    }
}

#[test]
fn capacity_is_without_limits_of_its_own_unless_it_is_given() {
    let server = good(&provider("")).server;
    assert_eq!((server.max_connections, server.max_requests, server.max_memory), (None, None, None));
    let server = good(&format!("{}server: {{max_connections: 100, max_requests: 20, max_memory: 256MiB}}\n", provider(""))).server;
    assert_eq!((server.max_connections, server.max_requests, server.max_memory), (Some(100), Some(20), Some(256 << 20)));
}

#[test]
fn a_short_total_shortens_the_other_defaults() {
    let config = good(&provider("timeout: {total: 3s}"));
    let timeout = config.providers["main"].timeout;
    assert_eq!((timeout.connect, timeout.first_token), (Duration::from_secs(3), Duration::from_secs(3)));
}

#[test]
fn certificates_are_read_and_checked() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let main = "tls: {cert: tls/cert.pem, key: tls/key.pem}\nproviders: {a: {type: groq, tls: {ca: tls/cert.pem, cert: tls/cert.pem, key: tls/key.pem, server_name: vendor.example}}}\n";
    let (folder, config) = load_files(&[("config.yaml", main), ("tls/cert.pem", &cert), ("tls/key.pem", &key)]);
    let config = config.unwrap();
    assert_eq!(config.tls.unwrap().cert_pem, cert.as_bytes());
    assert!(config.providers["a"].tls.identity_pem.is_some());
    assert!(config.files.contains(&folder.path().join("tls/key.pem")));

    let (folder, swapped) = load_files(&[("config.yaml", main), ("tls/cert.pem", &key), ("tls/key.pem", &cert)]);
    let found = headlines(&folder, &swapped.unwrap_err());
    assert!(found.iter().any(|error| error.contains("tls.cert: the file holds no certificate")), "{found:?}");
    assert!(found.iter().any(|error| error.contains("tls.key: the file holds no private key")), "{found:?}");
}

fn sha256(text: &str) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}

#[test]
fn a_token_may_be_given_as_its_hash() {
    let hex: String = sha256("operator-token-1").iter().map(|byte| format!("{byte:02x}")).collect();
    let config = good(&format!("admin: {{tokens: [{{name: a, token_sha256: {hex}}}]}}\nproviders: {{a: {{type: groq}}}}"));
    assert_eq!(config.admin.tokens[0].digest, sha256("operator-token-1"));
    assert_eq!(config.warnings, Vec::<String>::new());
    for (token, expected) in [
        (format!("token_sha256: {}", &hex[1..]), "this is no SHA-256"),
        (format!("token_sha256: {}zz", &hex[2..]), "this is no SHA-256"),
        (format!("token_sha256: {hex}, token: \"${{KEY}}\""), "a token and a hash of one"),
    ] {
        let found = errors(&format!("admin: {{tokens: [{{name: a, {token}}}]}}\nproviders: {{a: {{type: groq}}}}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{token}: {found:?}");
    }
}

#[test]
fn who_vouches_for_users_is_trusted_and_gives_roles() {
    let admin = |text: &str| errors(&format!("admin: {text}\nproviders: {{a: {{type: groq}}}}"));
    for (text, expected) in [
        ("{oidc: {}}", "`issuer` is missing"),
        ("{oidc: {issuer: \"https://i\", audience: a}}", "`roles` is missing"),
        ("{oidc: {issuer: \"https://i\", audience: a, roles: {x: root}}}", "unknown role `root`"),
        ("{oidc: {issuer: \"http://i.example\", audience: a, roles: {x: viewer}}}", "over `https://` only"),
        ("{kubernetes: {roles: {x: viewer}}}", "`api_server` is missing"),
        ("{kubernetes: {api_server: \"https://k\"}}", "`roles` is missing"),
        ("{tls: {cert: nowhere}}", "`key` is missing"),
    ] {
        let found = admin(text);
        assert!(found.iter().any(|line| line.contains(expected)), "{text}: {found:?}");
    }
    let config = good("admin: {oidc: {issuer: \"https://i/\", audience: a, roles: {x: admin}}}\nproviders: {a: {type: groq}}");
    let oidc = config.admin.oidc.unwrap();
    assert_eq!((oidc.issuer.as_str(), oidc.role_claim.as_str(), oidc.roles["x"].name.as_str()), ("https://i/", "groups", "admin"));
}

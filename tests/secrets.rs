//! Encrypted values through the whole binary: the command that makes them, a sidecar that opens them, key services, and the change
//! of keys while requests go on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use serde_json::json;
use support::client::Client;
use support::sidecar::{NO_BREAKER, Setting, Sidecar};
use support::upstream::{Script, Upstream};
use support::{chat, within};

const KEY: &str = "sk-canary-0123456789";
const PLACE: &str = "providers/vendor/api_key";
/// The example keys of AWS's own documents.
const AWS_ID: &str = "AKIDEXAMPLE";
const AWS_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Runs `llm-sidecar secret`.
fn secret(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"))
        .arg("secret")
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains("canary"), "{shown}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn refused(output: Output) -> String {
    assert!(!output.status.success(), "{}", text(&output.stdout));
    text(&output.stderr)
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Encrypts with the keys of this section `secrets`.
async fn encrypt(folder: &Path, section: &str, place: &str, value: &str) -> Output {
    let config = folder.join("encrypt.yaml");
    fs::write(&config, format!("{section}\n")).unwrap();
    let (place, value) = (place.to_owned(), value.to_owned());
    off_thread(move || secret(&["encrypt", "--config", config.to_str().unwrap(), "--for", &place], &value)).await
}

fn config(upstream: &Upstream, section: &str, sealed: &str) -> String {
    format!(
        "{section}\nproviders:\n  vendor:\n    type: openai_compatible\n    base_url: http://{}/v1\n    api_key: \"{sealed}\"\n    models: [m]\n    {NO_BREAKER}\n    retry: {{attempts: 1}}\n",
        upstream.address
    )
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    upstream
}

fn has_right_key(upstream: &Upstream) -> bool {
    upstream.requests().iter().all(|seen| seen.header("authorization") == Some(&format!("Bearer {KEY}")))
}

#[test]
fn a_key_is_made_for_its_owner_alone_and_never_over_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kek.key");
    let name = file.to_str().unwrap();
    assert_eq!(succeeded(secret(&["keygen", "--out", name], "")), "");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    assert!(refused(secret(&["keygen", "--out", name], "")).contains("cannot be made"));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(succeeded(secret(&["keygen"], "")).len(), 44);
    assert_ne!(succeeded(secret(&["keygen"], "")), succeeded(secret(&["keygen"], "")));
}

#[tokio::test]
async fn what_cannot_be_encrypted_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kek.key");
    assert!(refused(encrypt(folder.path(), "listen: 127.0.0.1:0", PLACE, KEY).await).contains("secret keygen --out"));
    let section = "secrets: {kek: {file: kek.key}}";
    assert!(refused(encrypt(folder.path(), section, PLACE, KEY).await).contains("cannot read"));
    secret(&["keygen", "--out", file.to_str().unwrap()], "");
    assert!(refused(encrypt(folder.path(), section, PLACE, "\n").await).contains("holds no value"));
    assert!(refused(encrypt(folder.path(), section, "api_key", KEY).await).contains("is no place"));
    assert!(succeeded(encrypt(folder.path(), section, PLACE, KEY).await).starts_with("enc:v1:"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(encrypt(folder.path(), section, PLACE, KEY).await).contains("chmod 600"));
}

/// Keys change five times while requests go on, each change in the three steps an operator takes.
#[tokio::test]
async fn keys_change_under_load_without_a_failed_request() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let key = |number: usize| folder.path().join(format!("kek-{number}.key")).to_str().unwrap().to_owned();
    let section = |number: usize, old: Option<usize>| {
        let old = old.map(|old| format!(", old: [{{file: {}}}]", key(old))).unwrap_or_default();
        format!("secrets: {{kek: {{file: {}}}{old}}}", key(number))
    };
    secret(&["keygen", "--out", &key(0)], "");
    let first = succeeded(encrypt(folder.path(), &section(0, None), PLACE, KEY).await);
    let sidecar = Arc::new(Sidecar::start(&config(&upstream, &section(0, None), &first)).await);
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|number| {
            let (sidecar, stop) = (Arc::clone(&sidecar), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    let answer = sidecar.chat(&chat::request(number % 2 == 1)).await;
                    assert_eq!(answer.status(), 200, "{}", answer.text());
                    count += 1;
                }
                count
            })
        })
        .collect();
    let path = sidecar.config_path();
    for round in 1..=5 {
        secret(&["keygen", "--out", &key(round)], "");
        let written = fs::read_to_string(&path).unwrap();
        let before = sidecar.metric(RELOADED).await;
        write_over(&path, &written.replace(&section(round - 1, None), &section(round, Some(round - 1))));
        reloaded_after(&sidecar, before).await;
        let (before, name) = (sidecar.metric(RELOADED).await, path.to_str().unwrap().to_owned());
        let said = succeeded(off_thread(move || secret(&["rotate", "--config", &name], "")).await);
        assert!(said.contains("1 values encrypted anew"), "{said}");
        reloaded_after(&sidecar, before).await;
        let written = fs::read_to_string(&path).unwrap();
        let before = sidecar.metric(RELOADED).await;
        write_over(&path, &written.replace(&section(round, Some(round - 1)), &section(round, None)));
        reloaded_after(&sidecar, before).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    for task in load {
        total += task.await.unwrap();
    }
    assert!(total > 0 && has_right_key(&upstream));
    assert!((sidecar.metric("llm_config_in_sync").await - 1.0).abs() < f64::EPSILON);
    assert!(!sidecar.log().iter().any(|line| line.contains("canary")));
    // The old value is of no use any more, and the sidecar goes on with what it has.
    let written = fs::read_to_string(&path).unwrap();
    let now = written.split('"').find(|part| part.starts_with("enc:")).unwrap().to_owned();
    write_over(&path, &written.replace(&now, &first));
    sidecar.wait_metric("llm_config_in_sync", 0.0).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    let name = path.to_str().unwrap().to_owned();
    assert!(refused(off_thread(move || secret(&["rotate", "--config", &name], "")).await).contains("not among the configured ones"));
}

const RELOADED: &str = "llm_config_reloads_total{result=\"ok\"}";

fn write_over(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

async fn reloaded_after(sidecar: &Sidecar, before: f64) {
    within("a reload", async {
        while sidecar.metric(RELOADED).await <= before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// What a key service has wrapped: the ciphertext, and what it is bound to.
type Wrapped = Arc<Mutex<HashMap<String, (String, String)>>>;

/// A transit engine: encrypts and decrypts with associated data, for who has the token.
async fn transit() -> Upstream {
    let upstream = Upstream::start().await;
    let wrapped = Wrapped::default();
    upstream.respond(move |seen| {
        let body = seen.json();
        let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if seen.path == "/v1/auth/kubernetes/login" {
            let is_right = field("jwt") == "service-account-token" && field("role") == "sidecar";
            return if is_right {
                Script::json(200, &json!({"auth": {"client_token": "vault-token"}}))
            } else {
                Script::json(403, &json!({"errors": ["permission denied"]}))
            };
        }
        if seen.header("x-vault-token") != Some("vault-token") || seen.header("x-vault-namespace") != Some("team") {
            return Script::json(403, &json!({"errors": ["permission denied"]}));
        }
        let mut wrapped = wrapped.lock().unwrap();
        match seen.path.as_str() {
            "/v1/transit/encrypt/sidecar" => {
                let ciphertext = format!("vault:v1:{}", wrapped.len());
                wrapped.insert(ciphertext.clone(), (field("plaintext"), field("associated_data")));
                Script::json(200, &json!({"data": {"ciphertext": ciphertext, "key_version": 1}}))
            }
            "/v1/transit/decrypt/sidecar" => match wrapped.get(&field("ciphertext")) {
                Some((plaintext, data)) if *data == field("associated_data") => {
                    Script::json(200, &json!({"data": {"plaintext": plaintext}}))
                }
                _ => Script::json(400, &json!({"errors": ["invalid ciphertext: unable to decrypt"]})),
            },
            _ => Script::json(404, &json!({"errors": []})),
        }
    });
    upstream
}

/// AWS's Key Management Service: checks every signature, encrypts and decrypts with an encryption context.
async fn kms() -> Upstream {
    let upstream = Upstream::start().await;
    let address = upstream.address.to_string();
    let wrapped = Wrapped::default();
    upstream.respond(move |seen| {
        let body = seen.json();
        let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let date = seen.header("x-amz-date").unwrap_or_default();
        let target = seen.header("x-amz-target").unwrap_or_default();
        if seen.header("authorization") != Some(&signature(&address, date, target, &seen.body)) {
            return Script::json(400, &json!({"__type": "InvalidSignatureException"}));
        }
        if field("KeyId") != "alias/sidecar" {
            return Script::json(400, &json!({"__type": "com.amazonaws.kms#NotFoundException"}));
        }
        let context = body["EncryptionContext"].to_string();
        let mut wrapped = wrapped.lock().unwrap();
        match target {
            "TrentService.Encrypt" => {
                let blob = base64(format!("blob {}", wrapped.len()).as_bytes());
                wrapped.insert(blob.clone(), (field("Plaintext"), context));
                Script::json(200, &json!({"CiphertextBlob": blob, "KeyId": "arn"}))
            }
            "TrentService.Decrypt" => match wrapped.get(&field("CiphertextBlob")) {
                Some((plaintext, bound)) if *bound == context => Script::json(200, &json!({"Plaintext": plaintext, "KeyId": "arn"})),
                _ => Script::json(400, &json!({"__type": "InvalidCiphertextException"})),
            },
            _ => Script::json(400, &json!({"__type": "UnknownOperationException"})),
        }
    });
    upstream
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Signature Version 4, step by step as it is described.
fn signature(host: &str, date: &str, target: &str, body: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let names = "content-type;host;x-amz-date;x-amz-target";
    let headers = format!("content-type:application/x-amz-json-1.1\nhost:{host}\nx-amz-date:{date}\nx-amz-target:{target}\n");
    let canonical = format!("POST\n/\n\n{headers}\n{names}\n{}", sha(body));
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/eu-west-1/kms/aws4_request");
    let key =
        ["eu-west-1", "kms", "aws4_request"].iter().fold(mac(format!("AWS4{AWS_SECRET}").as_bytes(), day), |key, part| mac(&key, part));
    let signed = hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(canonical.as_bytes()))));
    format!("AWS4-HMAC-SHA256 Credential={AWS_ID}/{scope}, SignedHeaders={names}, Signature={signed}")
}

fn transit_section(address: &str, token: &str) -> String {
    format!("secrets: {{kek: {{vault: {{address: \"http://{address}\", key_name: sidecar, namespace: team, {token}}}}}}}")
}

fn kms_section(address: &str, secret: &str) -> String {
    format!(
        "secrets: {{kek: {{aws_kms: {{key_id: alias/sidecar, region: eu-west-1, endpoint: \"http://{address}\", aws: {{access_key_id: {AWS_ID}, secret_access_key: \"{secret}\"}}}}}}}}"
    )
}

/// A key service wraps the key of a value, a sidecar starts with it, and goes on when the service is gone.
async fn holds_through(service: Upstream, section: &str) {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let sealed = succeeded(encrypt(folder.path(), section, PLACE, KEY).await);
    assert!(service.requests().iter().all(|seen| !text(&seen.body).contains(KEY)), "the value itself went to the key service");
    let other = succeeded(encrypt(folder.path(), section, "providers/other/api_key", "another").await);
    // Swapped: refused by the service, which sees the record, or by the value, which holds it.
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, config(&upstream, section, &other)).unwrap();
    let checked = off_thread(move || {
        Command::new(env!("CARGO_BIN_EXE_llm-sidecar")).arg("check").arg("--config").arg(wrong).env_clear().output().unwrap()
    })
    .await;
    assert!(refused(checked).contains("sealed for another place"));
    let yaml = config(&upstream, section, &sealed);
    let sidecar = Sidecar::start(&yaml).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert!(has_right_key(&upstream));
    let asked = service.count();
    drop(service);
    let before = sidecar.metric(RELOADED).await;
    sidecar.edit_by_rename(&format!("{yaml}models: {{fast: {{targets: [{{provider: vendor, model: m}}]}}}}\n"));
    reloaded_after(&sidecar, before).await;
    let mut request = chat::request(false);
    request["model"] = json!("fast");
    assert_eq!(sidecar.chat(&request).await.status(), 200);
    assert!(asked > 0 && has_right_key(&upstream));
    assert!(!sidecar.log().iter().any(|line| line.contains("canary") || line.contains("vault-token") || line.contains(AWS_SECRET)));
}

#[tokio::test]
async fn a_transit_engine_holds_the_key() {
    let service = transit().await;
    let section = transit_section(&service.address.to_string(), "token: vault-token");
    holds_through(service, &section).await;
}

#[tokio::test]
async fn a_service_account_logs_in_to_the_transit_engine() {
    let service = transit().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "service-account-token\n").unwrap();
    let section = transit_section(&service.address.to_string(), &format!("role: sidecar, token_file: {}", file.display()));
    holds_through(service, &section).await;
}

#[tokio::test]
async fn a_key_of_aws_holds_the_key() {
    let service = kms().await;
    let section = kms_section(&service.address.to_string(), AWS_SECRET);
    holds_through(service, &section).await;
}

#[tokio::test]
async fn what_a_key_service_refuses_is_said_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, aws) = (transit().await, kms().await);
    for (section, expected) in [
        (transit_section(&vault.address.to_string(), "token: wrong-token"), "403: permission denied"),
        (transit_section(&vault.address.to_string(), "role: other, token_file: /dev/null"), "the login with the role `other`"),
        (kms_section(&aws.address.to_string(), "wrong-secret"), "400 InvalidSignatureException"),
        (transit_section("127.0.0.1:1", "token: vault-token"), "it does not answer"),
    ] {
        let said = refused(encrypt(folder.path(), &section, PLACE, KEY).await);
        assert!(said.contains(expected) && !said.contains("wrong-"), "{said}");
    }
}

/// From one service to another, and to a key at hand.
#[tokio::test]
async fn a_key_service_can_be_left() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let service = transit().await;
    let section = transit_section(&service.address.to_string(), "token: vault-token");
    let sealed = succeeded(encrypt(folder.path(), &section, PLACE, KEY).await);
    let key = folder.path().join("kek.key");
    secret(&["keygen", "--out", key.to_str().unwrap()], "");
    let old = section.strip_prefix("secrets: {kek: ").unwrap().strip_suffix('}').unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, config(&upstream, &format!("secrets: {{kek: {{file: kek.key}}, old: [{old}]}}"), &sealed)).unwrap();
    let name = path.to_str().unwrap().to_owned();
    assert!(succeeded(off_thread(move || secret(&["rotate", "--config", &name], "")).await).contains(PLACE));
    drop(service);
    let written = fs::read_to_string(&path).unwrap();
    assert!(!written.contains(&sealed));
    let sealed = written.split('"').find(|part| part.starts_with("enc:")).unwrap();
    let sidecar = Sidecar::start(&config(&upstream, &format!("secrets: {{kek: {{file: {}}}}}", key.display()), sealed)).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert!(has_right_key(&upstream));
}

/// A key in the environment, and nothing of it in what the sidecar tells of itself.
#[tokio::test]
async fn a_key_in_the_environment_and_no_secret_anywhere() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let key = succeeded(secret(&["keygen"], ""));
    let file = folder.path().join("kek.key");
    fs::write(&file, &key).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let sealed = succeeded(encrypt(folder.path(), "secrets: {kek: {file: kek.key}}", PLACE, KEY).await);
    let setting = Setting { env: vec![("KEK".into(), key.clone())], ..Setting::default() };
    let admin = "admin: {listen: 127.0.0.1:0, tokens: [{name: ops, role: admin, token: admin-token-1}]}";
    let sidecar = Sidecar::start_in(&format!("{}{admin}\n", config(&upstream, "secrets: {kek: {env: KEK}}", &sealed)), &setting).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    let mut said = sidecar.metrics().await;
    for path in ["/api/v1/config/status", "/api/v1/limits", "/api/v1/breakers"] {
        let mut client = Client::connect(sidecar.admin).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin-token-1\r\n\r\n")).await;
        said.push_str(&client.answer().await.text());
    }
    said.push_str(&sidecar.log().join("\n"));
    assert!(!said.contains(KEY) && !said.contains(&key));
}

//! AWS: keys from all the places where AWS's own libraries find them, and requests signed by them.

use aws_lc_rs::{digest, hmac};
use serde_json::json;

use crate::support::sidecar::{Setting, Sidecar};
use crate::support::upstream::{Script, Seen, Upstream};
use crate::support::within;
use crate::{credentials, file, keeps_secrets, request};

const MODEL: &str = "vendor/anthropic.claude-sonnet-4-5-20250929-v1:0";
const SECRET: &str = "secret-canary/+=";

/// A bedrock provider. It is in eu-west-1 unless `more` says otherwise.
async fn start(vendor: &Upstream, more: &str, env: &[(&str, String)]) -> Sidecar {
    vendor.always(Script::json(
        200,
        &json!({"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3}, "metrics": {"latencyMs": 1}}),
    ));
    let config =
        format!("providers:\n  vendor: {{type: bedrock, base_url: \"http://{}\", retry: {{attempts: 1}}{more}}}\n", vendor.address);
    let mut env: Vec<(String, String)> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    env.push(("AWS_REGION".into(), "eu-west-1".into()));
    env.push(("PATH".into(), "/usr/bin:/bin".into()));
    Sidecar::start_in(&config, &Setting { env, ..Setting::default() }).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks the signature of a request as AWS does: from what came, by the algorithm's own steps.
fn check_signature(seen: &Seen, id: &str, session: Option<&str>) {
    let sha = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let authorization = seen.header("authorization").unwrap();
    let part = |name: &str| authorization.split_once(name).unwrap().1.split(',').next().unwrap().to_owned();
    let (names, credential) = (part("SignedHeaders="), part("Credential="));
    let date = seen.header("x-amz-date").unwrap();
    let scope = format!("{}/eu-west-1/bedrock/aws4_request", &date[..8]);
    assert_eq!(credential, format!("{id}/{scope}"));
    assert_eq!(seen.header("x-amz-security-token"), session);
    assert!(names.split(';').any(|name| name == "host") && (session.is_none() || names.contains("x-amz-security-token")), "{names}");
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", seen.header(name).unwrap())).collect();
    assert!(seen.path.contains("v1%3A0"), "{}", seen.path);
    let canonical = format!("{}\n{}\n\n{headers}\n{names}\n{}", seen.method, seen.path.replace('%', "%25"), sha(&seen.body));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(canonical.as_bytes()));
    let first = mac(format!("AWS4{SECRET}").as_bytes(), &date[..8]);
    let key = ["eu-west-1", "bedrock", "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    assert_eq!(part("Signature="), hex(&mac(&key, &text)));
}

/// Keys as the endpoints beside containers and instances give them.
fn keys(id: &str, seconds: i64) -> Script {
    let until = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + seconds).unwrap();
    Script::json(
        200,
        &json!({"Code": "Success", "AccessKeyId": id, "SecretAccessKey": SECRET, "Token": "session-canary", "Expiration": until.to_string()}),
    )
}

/// The same as the Security Token Service gives them.
fn sts_keys(id: &str, seconds: i64) -> Script {
    let until = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + seconds).unwrap();
    let body = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>session-canary</SessionToken><Expiration>{until}</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    Script::answer(200, "text/xml", body)
}

fn url(upstream: &Upstream, path: &str) -> String {
    format!("http://{}{path}", upstream.address)
}

#[tokio::test]
async fn keys_of_the_environment_sign() {
    let vendor = Upstream::start().await;
    let env = [("AWS_ACCESS_KEY_ID", "AKIAENV".to_owned()), ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned())];
    let sidecar = start(&vendor, "", &env).await;
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
    check_signature(&vendor.requests()[0], "AKIAENV", None);
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn keys_of_the_file_come_before_those_of_the_environment() {
    let vendor = Upstream::start().await;
    let env = [
        ("AWS_ACCESS_KEY_ID", "AKIAENV".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ("AWS_BEARER_TOKEN_BEDROCK", "unused".to_owned()),
        ("SECRET", SECRET.to_owned()),
        ("SESSION", "session-canary".to_owned()),
    ];
    let more = ", aws: {access_key_id: AKIAFILE, secret_access_key: \"${SECRET}\", session_token: \"${SESSION}\"}";
    let sidecar = start(&vendor, more, &env).await;
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
    check_signature(&vendor.requests()[0], "AKIAFILE", Some("session-canary"));
}

#[tokio::test]
async fn an_api_key_comes_before_what_the_environment_says_of_keys() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV".to_owned()), ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned())];
    let bearer = ("AWS_BEARER_TOKEN_BEDROCK", "of-env".to_owned());
    for (more, sent) in [("", "Bearer of-env"), (", api_key: of-file", "Bearer of-file"), (", auth: sigv4", "AWS4-HMAC-SHA256")] {
        let vendor = Upstream::start().await;
        let env = [keys[0].clone(), keys[1].clone(), bearer.clone()];
        let sidecar = start(&vendor, more, &env).await;
        assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
        assert!(credentials(&vendor)[0].starts_with(sent), "{more}");
    }
}

#[tokio::test]
async fn a_web_identity_takes_its_role_once_and_again_with_the_files_new_token() {
    let (vendor, sts) = (Upstream::start().await, Upstream::start().await);
    let (_folder, token) = file("first-canary");
    sts.script(sts_keys("ASIAONE", 5));
    sts.always(sts_keys("ASIATWO", 3600));
    let env = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.clone()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r".to_owned()),
        ("AWS_ENDPOINT_URL_STS", url(&sts, "")),
    ];
    let sidecar = start(&vendor, "", &env).await;
    let all = futures_util::future::join_all((0..50).map(|_| async { sidecar.chat(&request(MODEL)).await.status() })).await;
    assert_eq!((all, sts.count()), (vec![200; 50], 1));
    check_signature(&vendor.requests()[0], "ASIAONE", Some("session-canary"));
    std::fs::write(&token, "second-canary").unwrap();
    within("the second role", async {
        while !credentials(&vendor).last().unwrap().contains("ASIATWO") {
            assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
        }
    })
    .await;
    let asked: Vec<String> = sts.requests().iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].ends_with("WebIdentityToken=first%2Dcanary") && asked[1].ends_with("WebIdentityToken=second%2Dcanary"), "{asked:?}");
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn the_endpoint_beside_a_container_gives_keys_for_its_token() {
    let (vendor, container) = (Upstream::start().await, Upstream::start().await);
    let (_folder, token) = file("token-canary\n");
    container.always(keys("ASIAPOD", 3600));
    let env =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url(&container, "/v1/credentials")), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)];
    let sidecar = start(&vendor, "", &env).await;
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
    check_signature(&vendor.requests()[0], "ASIAPOD", Some("session-canary"));
    let asked = container.requests().remove(0);
    assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/v1/credentials", Some("token-canary")));
}

#[tokio::test]
async fn an_instance_gives_the_keys_of_its_role() {
    let (vendor, metadata) = (Upstream::start().await, Upstream::start().await);
    metadata.respond(|seen| match (seen.method.as_str(), seen.header("x-aws-ec2-metadata-token"), seen.path.as_str()) {
        ("PUT", None, "/latest/api/token") => Script::answer(200, "text/plain", "imds-canary"),
        ("GET", Some("imds-canary"), "/latest/meta-data/iam/security-credentials/") => Script::answer(200, "text/plain", "my-role"),
        ("GET", Some("imds-canary"), "/latest/meta-data/iam/security-credentials/my-role") => keys("ASIAEC2", 3600),
        _ => Script::answer(401, "text/plain", ""),
    });
    let sidecar = start(&vendor, "", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url(&metadata, "/"))]).await;
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
    check_signature(&vendor.requests()[0], "ASIAEC2", Some("session-canary"));
}

#[tokio::test]
async fn a_profile_may_take_a_role_by_the_keys_a_program_prints() {
    let (vendor, sts) = (Upstream::start().await, Upstream::start().await);
    sts.always(sts_keys("ASIAROLE", 3600));
    let (_printed, printed) = file(r#"{"Version":1,"AccessKeyId":"AKIAPROGRAM","SecretAccessKey":"x-canary"}"#);
    let profiles = format!(
        "[profile base]\ncredential_process = cat {printed}\n[profile main]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
    );
    let (_folder, config) = file(&profiles);
    let env = [("AWS_CONFIG_FILE", config), ("AWS_ENDPOINT_URL_STS", url(&sts, ""))];
    let sidecar = start(&vendor, ", aws: {profile: main}", &env).await;
    let answer = sidecar.chat(&request(MODEL)).await;
    assert_eq!(answer.status(), 200, "{} {:?}", answer.text(), sidecar.log());
    check_signature(&vendor.requests()[0], "ASIAROLE", Some("session-canary"));
    let asked = sts.requests().remove(0);
    assert!(asked.header("authorization").unwrap().contains("Credential=AKIAPROGRAM/"));
    keeps_secrets(&sidecar, &[]);
}

#[tokio::test]
async fn keys_that_the_vendor_says_are_past_their_end_are_replaced_once() {
    let (vendor, container) = (Upstream::start().await, Upstream::start().await);
    container.script(keys("ASIAOLD", 3600));
    container.always(keys("ASIANEW", 3600));
    let sidecar = start(&vendor, "", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url(&container, "/"))]).await;
    let body = r#"{"message":"The security token included in the request is expired"}"#;
    let headers = [("x-amzn-errortype", "ExpiredTokenException"), ("content-length", &body.len().to_string())];
    let expired = Script::head(403, &headers).raw(body);
    vendor.script(expired.clone());
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 200);
    check_signature(&vendor.requests()[1], "ASIANEW", Some("session-canary"));
    vendor.always(expired);
    assert_eq!(sidecar.chat(&request(MODEL)).await.status(), 401);
    assert_eq!((vendor.count(), container.count()), (3, 2));
}

#[tokio::test]
async fn a_role_that_is_refused_is_told_of_without_secrets() {
    let (vendor, sts) = (Upstream::start().await, Upstream::start().await);
    let (_folder, token) = file("jwt-canary");
    sts.always(Script::answer(
        403,
        "text/xml",
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>jwt-canary is wrong</Message></Error></ErrorResponse>",
    ));
    let env = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r".to_owned()),
        ("AWS_ENDPOINT_URL_STS", url(&sts, "")),
    ];
    let sidecar = start(&vendor, "", &env).await;
    let answer = sidecar.chat(&request(MODEL)).await;
    assert_eq!((answer.status(), &answer.json()["error"]["code"]), (502, &json!("upstream_auth_failed")));
    assert!(answer.text().contains("AccessDenied"));
    keeps_secrets(&sidecar, &[answer.text()]);
}

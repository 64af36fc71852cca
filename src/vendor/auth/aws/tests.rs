use std::time::Duration;

use super::*;

fn at(unix: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix)
}

/// The example keys of AWS's own documents and test suite.
fn example() -> AwsKeys {
    AwsKeys { id: "AKIDEXAMPLE".into(), secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), session: None }
}

/// 2015-08-30T12:36:00Z, the moment of AWS's test suite.
const MOMENT: u64 = 1_440_938_160;

fn signature(signer: &Signer, method: &Method, url: &str, headers: &[(HeaderName, HeaderValue)], body: &[u8]) -> String {
    let signed = signer.sign(method, url, headers, body, at(MOMENT)).unwrap();
    signed.iter().find(|(name, _)| name == "authorization").unwrap().1.to_str().unwrap().to_owned()
}

#[test]
fn the_vectors_of_the_test_suite_come_out() {
    let signer = Signer { keys: example(), region: "us-east-1".into(), service: "service" };
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
    assert_eq!(
        signature(&signer, &Method::GET, "https://example.amazonaws.com/", &[], b""),
        format!("{scope}, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
    );
    let form = [(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
    assert_eq!(
        signature(&signer, &Method::POST, "https://example.amazonaws.com/", &form, b"Param1=value1"),
        format!(
            "{scope}, SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        )
    );
}

/// What the algorithm says, done step by step over a path that is already escaped: for the signature it is escaped once more.
fn by_hand(keys: &AwsKeys, path: &str, body: &[u8], extra: &str, extra_name: &str) -> String {
    use aws_lc_rs::{digest, hmac};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let names = format!("content-type;host;x-amz-date{extra_name}");
    let canonical = format!(
        "POST\n{}\n\ncontent-type:application/json\nhost:bedrock-runtime.us-east-1.amazonaws.com\nx-amz-date:20150830T123600Z\n{extra}\n{names}\n{}",
        path.replace('%', "%25"),
        sha(body)
    );
    let scope = "20150830/us-east-1/bedrock/aws4_request";
    let text = format!("AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{}", sha(canonical.as_bytes()));
    let first = mac(format!("AWS4{}", keys.secret.expose()).as_bytes(), "20150830");
    let key = ["us-east-1", "bedrock", "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}", keys.id, hex(&mac(&key, &text)))
}

#[test]
fn what_is_escaped_in_a_path_is_escaped_twice_for_the_signature() {
    let json = [(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let body = br#"{"messages":[]}"#;
    for path in [
        "/model/amazon.nova-lite-v1%3A0/converse",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse-stream",
    ] {
        for session in [None, Some(Secret::new("session/+="))] {
            let keys = AwsKeys { session: session.clone(), ..example() };
            let signer = Signer { keys: keys.clone(), region: "us-east-1".into(), service: "bedrock" };
            let url = format!("https://bedrock-runtime.us-east-1.amazonaws.com{path}");
            let (extra, name) = match &session {
                Some(session) => (format!("x-amz-security-token:{}\n", session.expose()), ";x-amz-security-token"),
                None => (String::new(), ""),
            };
            assert_eq!(signature(&signer, &Method::POST, &url, &json, body), by_hand(&keys, path, body, &extra, name), "{path}");
        }
    }
}

fn role() -> AwsRole {
    AwsRole { arn: "arn:aws:iam::1:role/r".into(), session: "s".into(), external_id: Some("x".into()), sts: "http://127.0.0.1:1".into() }
}

fn built(identity: AwsIdentity) -> Built {
    source(&AwsAuth { identity, region: "eu-west-1".into() })
}

fn step(built: &Built, got: &[&str]) -> Step {
    let got: Vec<Vec<u8>> = got.iter().map(|text| text.as_bytes().to_vec()).collect();
    built.source.step(&got, at(1000)).unwrap()
}

fn ask(built: &Built, got: &[&str]) -> Ask {
    match step(built, got) {
        Step::Ask(ask) => ask,
        _ => panic!("nothing is asked"),
    }
}

fn header<'a>(ask: &'a Ask, name: &str) -> &'a str {
    ask.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.to_str().unwrap())
}

/// Key, session and lifetime.
fn done(built: &Built, got: &[&str]) -> (String, String, Option<u64>) {
    let Step::Done(Granted { grant: Grant::Signer(signer), lasts }) = step(built, got) else { panic!("it is not done") };
    assert_eq!((signer.region.as_str(), signer.service), ("eu-west-1", "bedrock"));
    let session = signer.keys.session.as_ref().map(Secret::expose).unwrap_or_default().to_owned();
    (signer.keys.id, session, lasts.map(|lasts| lasts.as_secs()))
}

const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"1970-01-01T01:16:40Z"}"#;
const STS: &str = "<AssumeRoleResponse xmlns=\"x\"><AssumeRoleResult><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials>\
    <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t</SessionToken>\
    <Expiration>1970-01-01T01:16:40Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

#[test]
fn the_metadata_service_is_asked_in_its_second_version() {
    let built = built(AwsIdentity::Metadata { endpoint: "http://169.254.169.254".into() });
    let first = ask(&built, &[]);
    assert_eq!((first.method.as_str(), first.url.as_str()), ("PUT", "http://169.254.169.254/latest/api/token"));
    assert_eq!(header(&first, "x-aws-ec2-metadata-token-ttl-seconds"), "21600");
    let second = ask(&built, &["T"]);
    assert_eq!(second.url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/");
    assert_eq!(header(&second, "x-aws-ec2-metadata-token"), "T");
    let third = ask(&built, &["T", "my-role\n"]);
    assert!(third.url.ends_with("/security-credentials/my-role") && header(&third, "x-aws-ec2-metadata-token") == "T");
    assert_eq!(done(&built, &["T", "my-role", KEYS]), ("ASIA".into(), "t".into(), Some(3600)));
    assert!(built.source.step(&[b"T".to_vec(), b"".to_vec()], at(0)).is_err());
}

#[test]
fn the_endpoint_beside_a_container_is_asked_with_a_token_if_it_has_one() {
    let (url, file) = ("http://169.254.170.23/v1/credentials".to_owned(), Some("/var/run/token".into()));
    let pod = built(AwsIdentity::Container { url: url.clone(), token: None, token_file: file });
    assert!(matches!(step(&pod, &[]), Step::Read(path) if path.ends_with("token")));
    assert_eq!(header(&ask(&pod, &["jwt\n"]), "authorization"), "jwt");
    assert_eq!(done(&pod, &["jwt", KEYS]).0, "ASIA");
    let task = built(AwsIdentity::Container { url, token: None, token_file: None });
    assert_eq!(header(&ask(&task, &[]), "authorization"), "");
    assert_eq!(done(&task, &[KEYS]).2, Some(3600));
}

#[test]
fn a_role_is_taken_by_a_web_identity() {
    let built = built(AwsIdentity::WebIdentity { token_file: "/t".into(), role: role() });
    let asked = ask(&built, &["jwt\n"]);
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "http://127.0.0.1:1/"));
    assert_eq!(
        asked.body.expose(),
        "Version=2011%2D06%2D15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=s&Action=AssumeRoleWithWebIdentity&WebIdentityToken=jwt"
    );
    assert_eq!(header(&asked, "authorization"), "");
    assert_eq!(done(&built, &["jwt", STS]), ("ASIA".into(), "t".into(), Some(3600)));
}

#[test]
fn a_role_is_taken_by_other_keys_with_a_signed_request() {
    let by = AwsIdentity::Process("print-keys".into());
    let built = built(AwsIdentity::Role { by: Box::new(by), role: role() });
    assert!(matches!(step(&built, &[]), Step::Run(command) if command == "print-keys"));
    let asked = ask(&built, &[KEYS]);
    assert!(asked.body.expose().contains("Action=AssumeRole&ExternalId=x"));
    assert!(header(&asked, "authorization").contains("Credential=ASIA/19700101/eu-west-1/sts/aws4_request"));
    assert_eq!(header(&asked, "x-amz-security-token"), "t");
    assert_eq!(done(&built, &[KEYS, STS]), ("ASIA".into(), "t".into(), Some(3600)));
}

#[test]
fn fixed_keys_need_no_step_and_identities_are_told_apart() {
    let keys = |secret: &str| AwsIdentity::Keys { id: "AKIA".into(), secret: Secret::new(secret), session: None };
    let fixed = built(keys("a"));
    assert_eq!(done(&fixed, &[]), ("AKIA".into(), String::new(), None));
    assert_eq!(fixed.id, built(keys("a")).id);
    assert_ne!(fixed.id, built(keys("b")).id);
}

#[test]
fn what_holds_no_keys_is_an_error() {
    for text in [
        "",
        "{}",
        r#"{"Code":"Failed"}"#,
        r#"{"AccessKeyId":"","SecretAccessKey":"s"}"#,
        r#"{"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"soon"}"#,
    ] {
        assert!(answer::keys(text.as_bytes(), at(0)).is_err(), "{text}");
    }
    assert!(answer::sts_keys(b"<Credentials><AccessKeyId>a</AccessKeyId></Credentials>", at(0)).is_err());
}

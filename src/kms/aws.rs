//! A key of AWS's Key Management Service. The record goes along as encryption context, so that the service refuses, too, what was
//! wrapped for another one, and its trail names it.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::service::{ask, post, text_in, wait};
use crate::config::{ClientTls, CloudAuth};
use crate::seal::{DataKey, KeyEncryptionKey, SealError, key_id};
use crate::upstream::fetch;
use crate::vendor::auth::{Grant, Signer, source};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const JSON: &str = "application/x-amz-json-1.1";
/// The key of the encryption context.
const CONTEXT: &str = "llm-sidecar:record";

/// A key of the service.
pub(super) struct AwsKmsKey {
    id: String,
    settings: crate::config::AwsKmsKey,
}

impl AwsKmsKey {
    pub(super) fn new(settings: &crate::config::AwsKmsKey) -> Self {
        Self { id: key_id(&[b"aws_kms", settings.key_id.as_bytes()]), settings: settings.clone() }
    }

    fn call(&self, operation: &str, body: &Value) -> Result<Value, SealError> {
        // Amazon's authorities are the system's.
        let trust = ClientTls::default();
        let (status, answer) = wait(|| async {
            let failed = |error: crate::vendor::auth::AuthError| SealError::Service(error.to_string());
            let mut question = post(format!("{}/", self.settings.endpoint), JSON, body);
            let target = HeaderValue::from_str(&format!("TrentService.{operation}"));
            question.headers.push((TARGET, target.map_err(|_| SealError::Service("this is no operation".into()))?));
            let built = source(&CloudAuth::Aws(self.settings.auth.clone())).map_err(SealError::Service)?;
            let Grant::Signer(signer) = fetch(&*built.source, &trust).await.map_err(failed)?.grant else {
                return Err(SealError::Service("the AWS identity gives no keys".into()));
            };
            let signer = Signer { service: "kms", ..*signer };
            let signed =
                signer.sign(&question.method, &question.url, &question.headers, question.body.expose().as_bytes(), SystemTime::now());
            question.headers.extend(signed.map_err(failed)?);
            ask(question, &trust).await
        })?;
        if status.is_success() {
            return Ok(answer);
        }
        // As in `com.amazonaws.kms#AccessDeniedException`.
        let kind = text_in(&answer, "__type").unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        match kind {
            "InvalidCiphertextException" | "IncorrectKeyException" => Err(SealError::Refused),
            _ => {
                let word: String = kind.chars().filter(char::is_ascii_alphanumeric).take(80).collect();
                Err(SealError::Service(format!("{operation} was answered with {} {word}", status.as_u16())))
            }
        }
    }
}

impl KeyEncryptionKey for AwsKmsKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap_key(&self, key: &DataKey, record: &str) -> Result<Vec<u8>, SealError> {
        let body = json!({
            "KeyId": self.settings.key_id,
            "Plaintext": STANDARD.encode(key.expose()),
            "EncryptionContext": {CONTEXT: record},
        });
        let answer = self.call("Encrypt", &body)?;
        let blob = text_in(&answer, "CiphertextBlob").and_then(|text| STANDARD.decode(text).ok()).filter(|blob| !blob.is_empty());
        blob.ok_or_else(|| SealError::Service("its answer holds no ciphertext".into()))
    }

    fn unwrap_key(&self, wrapped: &[u8], record: &str) -> Result<DataKey, SealError> {
        let body = json!({
            "KeyId": self.settings.key_id,
            "CiphertextBlob": STANDARD.encode(wrapped),
            "EncryptionContext": {CONTEXT: record},
        });
        let answer = self.call("Decrypt", &body)?;
        let bytes = Zeroizing::new(text_in(&answer, "Plaintext").and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default());
        DataKey::from_bytes(&bytes).ok_or_else(|| SealError::Service("its answer holds no key".into()))
    }
}

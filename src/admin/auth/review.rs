//! Has an API server of Kubernetes say whose a token is (TokenReview).

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::{Caller, Refused};
use crate::base::secret::Secret;
use crate::config::{KubernetesLogin, Role};
use crate::upstream::Connections;
use crate::vendor::auth::Ask;

/// What a server has said holds for so long.
const HOLDS: Duration = Duration::from_secs(10);
/// More tokens are not remembered.
const MOST: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(5);

type Print = [u8; 32];

/// Users that were found out lately.
#[derive(Default)]
pub(super) struct Reviews(Mutex<HashMap<Print, (User, Instant)>>);

/// Whose a token is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct User {
    username: String,
    groups: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: User,
    audiences: Vec<String>,
}

impl Reviews {
    pub(super) async fn review(&self, login: &KubernetesLogin, token: &str) -> Result<Caller, Refused> {
        // With the settings, so that a reload asks anew.
        let print = print(&[&login.api_server, login.audience.as_deref().unwrap_or_default(), token]);
        let now = Instant::now();
        let known = self.0.lock().get(&print).filter(|(_, at)| now.duration_since(*at) < HOLDS).map(|(user, _)| user.clone());
        let user = match known {
            Some(user) => user,
            None => {
                let user = timeout(LIMIT, ask(login, token)).await.unwrap_or_else(|_| {
                    tracing::warn!("the API server of Kubernetes does not review a token in time");
                    Err(Refused::Unavailable)
                })?;
                let mut known = self.0.lock();
                known.retain(|_, (_, at)| now.duration_since(*at) < HOLDS);
                if known.len() < MOST {
                    known.insert(print, (user.clone(), now));
                }
                user
            }
        };
        let role = role(login, &user).ok_or(Refused::Stranger)?;
        Ok(Caller { name: user.username, role })
    }
}

/// What the roles of the user and all groups permit together.
fn role(login: &KubernetesLogin, user: &User) -> Option<Role> {
    let names = std::iter::once(&user.username).chain(&user.groups);
    Role::union(names.filter_map(|name| login.roles.get(name)))
}

async fn ask(login: &KubernetesLogin, token: &str) -> Result<User, Refused> {
    let unavailable = |reason: &'static str| {
        tracing::warn!(reason, "the API server of Kubernetes does not review a token");
        Refused::Unavailable
    };
    let own = tokio::fs::read_to_string(&login.token_file).await.map_err(|_| unavailable("the sidecar's own token cannot be read"))?;
    let value = HeaderValue::from_str(&format!("Bearer {}", own.trim()));
    let mut value = value.map_err(|_| unavailable("the sidecar's own token cannot stand in a header"))?;
    value.set_sensitive(true);
    let audiences: Vec<&str> = login.audience.as_deref().into_iter().collect();
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences},
    });
    let question = Ask {
        method: Method::POST,
        url: format!("{}/apis/authentication.k8s.io/v1/tokenreviews", login.api_server),
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json")), (AUTHORIZATION, value)],
        body: Secret::new(body.to_string()),
    };
    let (status, body) = Connections::new(&login.tls).ask(question).await.map_err(|_| unavailable("no answer"))?;
    if !status.is_success() {
        return Err(unavailable("the sidecar may not create tokenreviews, or the server fails"));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| unavailable("the answer is no TokenReview"))?;
    verdict(login, answer.status).ok_or(Refused::Unknown)
}

/// The user, if the token is good and meant for the sidecar. A server that knows nothing of audiences names none.
fn verdict(login: &KubernetesLogin, status: Status) -> Option<User> {
    let is_meant = login.audience.as_ref().is_none_or(|audience| status.audiences.contains(audience));
    (status.authenticated && is_meant && !status.user.username.is_empty()).then_some(status.user)
}

fn print(parts: &[&str]) -> Print {
    let text = parts.join("\0");
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(audience: Option<&str>) -> KubernetesLogin {
        KubernetesLogin {
            api_server: "https://k".into(),
            audience: audience.map(str::to_owned),
            token_file: "/t".into(),
            roles: [("system:serviceaccount:a:b", "viewer"), ("ops", "operator")]
                .map(|(who, role)| (who.to_owned(), Role::built_in(role).unwrap()))
                .into(),
            tls: crate::config::ClientTls::default(),
        }
    }

    fn status(text: &str) -> Status {
        serde_json::from_str::<Answer>(text).unwrap().status
    }

    #[test]
    fn only_a_good_token_for_this_audience_counts() {
        let good = r#"{"status":{"authenticated":true,"user":{"username":"u"},"audiences":["sidecar"]}}"#;
        assert!(verdict(&login(Some("sidecar")), status(good)).is_some());
        assert!(verdict(&login(None), status(good)).is_some());
        assert!(verdict(&login(Some("other")), status(good)).is_none());
        for bad in [
            "{}",
            r#"{"status":{"authenticated":false,"user":{"username":"u"},"audiences":["sidecar"]}}"#,
            r#"{"status":{"authenticated":true,"user":{"username":""},"audiences":["sidecar"]}}"#,
            r#"{"status":{"authenticated":true,"user":{"username":"u"}}}"#,
        ] {
            assert!(verdict(&login(Some("sidecar")), status(bad)).is_none(), "{bad}");
        }
    }

    #[test]
    fn all_roles_count() {
        let user = |name: &str, groups: &[&str]| User { username: name.into(), groups: groups.iter().map(|&group| group.into()).collect() };
        assert_eq!(role(&login(None), &user("system:serviceaccount:a:b", &[])), Role::built_in("viewer"));
        assert_eq!(role(&login(None), &user("system:serviceaccount:a:b", &["x", "ops"])), Role::built_in("operator"));
        assert_eq!(role(&login(None), &user("nobody", &["x"])), None);
    }
}

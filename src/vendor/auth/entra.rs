//! Microsoft Entra's OAuth 2 tokens: of an application, by its secret or by a token of another identity provider, and of the
//! identity that Azure gives a machine or a service.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::oauth_token;
use super::{Ask, AuthError, Built, Source, Step, id_of};
use crate::config::{EntraAuth, EntraIdentity};

struct Entra(EntraAuth);

pub(super) fn source(auth: &EntraAuth) -> Built {
    let (named, secret) = match &auth.identity {
        EntraIdentity::Secret { tenant, client, secret } => ([tenant.as_str(), client.as_str(), ""], secret.expose()),
        EntraIdentity::Federated { tenant, client, token_file } => {
            ([tenant.as_str(), client.as_str(), token_file.to_str().unwrap_or_default()], "")
        }
        EntraIdentity::Service { endpoint, header, client } => {
            (["", client.as_deref().unwrap_or_default(), endpoint.as_str()], header.expose())
        }
        EntraIdentity::Machine { endpoint, client } => (["", client.as_deref().unwrap_or_default(), endpoint.as_str()], ""),
    };
    let [tenant, client, place] = named;
    let id = id_of(&["entra", &auth.authority, &auth.scope, tenant, client, place, secret]);
    Built { source: Box::new(Entra(auth.clone())), id, quota_project: None }
}

impl Entra {
    fn by_application(&self, tenant: &str, client: &str, proof: &[(&str, &str)]) -> Step {
        let mut fields = vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", self.0.scope.as_str())];
        fields.extend(proof);
        Step::Ask(Ask::form(format!("{}/{tenant}/oauth2/v2.0/token", self.0.authority), &fields))
    }

    /// What is asked of the endpoints beside a machine or a service.
    fn managed(&self, endpoint: &str, version: &str, client: Option<&str>) -> Ask {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let resource = self.0.scope.strip_suffix("/.default").unwrap_or(&self.0.scope);
        let mut url = format!("{endpoint}?api-version={version}&resource={}", escaped(resource));
        if let Some(client) = client {
            url.push_str(&format!("&client_id={}", escaped(client)));
        }
        Ask::get(url)
    }
}

impl Source for Entra {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        Ok(match (&self.0.identity, got) {
            (EntraIdentity::Federated { token_file, .. }, []) => Step::Read(token_file.clone()),
            (EntraIdentity::Federated { tenant, client, .. }, [token]) => {
                let token = std::str::from_utf8(token).map_err(|_| AuthError::new("the federated token is not text"))?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                self.by_application(tenant, client, &[("client_assertion_type", kind), ("client_assertion", token.trim())])
            }
            (EntraIdentity::Federated { .. }, [_, answer, ..]) => Step::Done(oauth_token(answer, now)?),
            (EntraIdentity::Secret { tenant, client, secret }, []) => {
                self.by_application(tenant, client, &[("client_secret", secret.expose())])
            }
            (EntraIdentity::Service { endpoint, header, client }, []) => {
                let ask = self.managed(endpoint, "2019-08-01", client.as_deref());
                Step::Ask(ask.with(HeaderName::from_static("x-identity-header"), header.expose())?)
            }
            (EntraIdentity::Machine { endpoint, client }, []) => {
                let mut ask = self.managed(&format!("{endpoint}/metadata/identity/oauth2/token"), "2018-02-01", client.as_deref());
                ask.headers.push((HeaderName::from_static("metadata"), HeaderValue::from_static("true")));
                Step::Ask(ask)
            }
            (_, [answer, ..]) => Step::Done(oauth_token(answer, now)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

    fn built(identity: EntraIdentity) -> Built {
        source(&EntraAuth { identity, authority: "https://login.example".into(), scope: SCOPE.into() })
    }

    fn ask(built: &Built, got: &[&[u8]]) -> Ask {
        let got: Vec<Vec<u8>> = got.iter().map(|bytes| bytes.to_vec()).collect();
        match built.source.step(&got, SystemTime::UNIX_EPOCH) {
            Ok(Step::Ask(ask)) => ask,
            _ => panic!("nothing is asked"),
        }
    }

    #[test]
    fn an_application_shows_its_secret() {
        let identity = |secret: &str| EntraIdentity::Secret { tenant: "t".into(), client: "c".into(), secret: Secret::new(secret) };
        let asked = ask(&built(identity("s&")), &[]);
        assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "https://login.example/t/oauth2/v2.0/token"));
        assert_eq!(
            asked.body.expose(),
            "grant_type=client%5Fcredentials&client_id=c&scope=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom%2F%2Edefault&client_secret=s%26"
        );
        assert_ne!(built(identity("a")).id, built(identity("b")).id);
    }

    #[test]
    fn an_application_shows_a_token_of_another_provider() {
        let built = built(EntraIdentity::Federated { tenant: "t".into(), client: "c".into(), token_file: "/f".into() });
        assert!(matches!(built.source.step(&[], SystemTime::UNIX_EPOCH), Ok(Step::Read(file)) if file.ends_with("f")));
        assert!(ask(&built, &[b"jwt\n"]).body.expose().ends_with("jwt%2Dbearer&client_assertion=jwt"));
        let got = [b"jwt".to_vec(), br#"{"access_token":"e","expires_in":3599}"#.to_vec()];
        assert!(matches!(built.source.step(&got, SystemTime::UNIX_EPOCH), Ok(Step::Done(granted)) if granted.grant.exposed() == "e"));
    }

    #[test]
    fn machines_and_services_ask_beside_themselves() {
        let machine = built(EntraIdentity::Machine { endpoint: "http://169.254.169.254".into(), client: Some("c".into()) });
        let asked = ask(&machine, &[]);
        assert_eq!(
            asked.url,
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom&client_id=c"
        );
        assert!(asked.headers.iter().any(|(name, value)| name == "metadata" && value == "true"));
        let service = EntraIdentity::Service { endpoint: "http://127.0.0.1:41/msi".into(), header: Secret::new("h"), client: None };
        let asked = ask(&built(service), &[]);
        assert!(asked.url.starts_with("http://127.0.0.1:41/msi?api-version=2019-08-01&resource="));
        assert!(asked.headers.iter().any(|(name, value)| name == "x-identity-header" && value == "h"));
    }
}

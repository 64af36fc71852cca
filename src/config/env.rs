//! Without a file: a provider for every vendor whose key is in the environment.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;

use super::check::{USAGE_KEEP, VendorFacts, telemetry_of_environment, with_region};
use super::effective::Effective;
use super::files::hash_files;
use super::types::{
    Admin, Breaker, Cache, ClientTls, Config, Limit, Log, Prices, Provider, ProviderAuth, Retry, Server, Signatures, Store, Timeouts,
    Unsupported,
};
use crate::base::secret::Secret;

/// The configuration the environment alone gives; `None` if it holds no vendor's key. A variable that several vendors know belongs to
/// the first of them.
pub fn from_environment(vendors: &[VendorFacts], env: &dyn Fn(&str) -> Option<String>) -> Option<Config> {
    let mut taken = HashSet::new();
    let mut providers = BTreeMap::new();
    for vendor in vendors {
        let region = vendor.region_env.iter().find_map(|name| env(name).filter(|region| !region.trim().is_empty()));
        let address = vendor.default_base_url.as_deref().filter(|_| vendor.required.is_empty());
        let Some(base_url) = address.and_then(|url| with_region(url, region.as_deref())) else { continue };
        let found = vendor.env.iter().find_map(|name| Some((name, env(name).filter(|value| !value.trim().is_empty())?)));
        if let Some((name, key)) = found
            && taken.insert(name)
        {
            providers.insert(vendor.id.clone(), provider(vendor, base_url, region, key));
        }
    }
    let shown: serde_json::Map<_, _> = providers
        .iter()
        .map(|(name, provider): (&String, &Provider)| (name.clone(), json!({"type": provider.vendor, "base_url": provider.base_url})))
        .collect();
    let effective = Effective {
        places: providers.keys().map(|name| (format!("providers.{name}"), "the environment".to_owned())).collect(),
        document: json!({"providers": shown}).to_string(),
    };
    (!providers.is_empty()).then(|| Config {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 4000))],
        tls: None,
        admin: Admin {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 4001))],
            tls: None,
            tokens: Vec::new(),
            oidc: None,
            kubernetes: None,
            roles: Vec::new(),
            allow_urls: Vec::new(),
        },
        clients: Vec::new(),
        providers,
        models: BTreeMap::new(),
        unsupported: Unsupported::default(),
        signatures: Signatures::default(),
        prices: Prices::default(),
        budgets: Vec::new(),
        usage_file: None,
        usage_keep: USAGE_KEEP,
        cache: Cache::default(),
        secrets: None,
        store: Store::None,
        effective: Arc::new(effective),
        server: Server::default(),
        log: Log::default(),
        telemetry: telemetry_of_environment(env),
        alerts: None,
        rollout: None,
        warnings: Vec::new(),
        files: Vec::new(),
        hash: hash_files(&[]),
    })
}

fn provider(vendor: &VendorFacts, base_url: String, region: Option<String>, key: String) -> Provider {
    Provider {
        name: vendor.id.clone(),
        vendor: vendor.id.clone(),
        base_url,
        region,
        auth: ProviderAuth::Keys(vec![Secret::new(key)]),
        auth_header: None,
        organization: None,
        project: None,
        location: None,
        api_version: None,
        deployments: BTreeMap::new(),
        headers: Vec::new(),
        models: None,
        timeout: Timeouts::default(),
        retry: Retry::default(),
        limit: Limit::default(),
        model_limits: BTreeMap::new(),
        breaker: Breaker::default(),
        tls: ClientTls::default(),
        quirks: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor(id: &str, env: &str) -> VendorFacts {
        VendorFacts {
            id: id.into(),
            env: vec![env.into()],
            default_base_url: Some(format!("https://{id}.example/v1")),
            needs_key: true,
            ..VendorFacts::default()
        }
    }

    #[test]
    fn a_provider_per_key_found() {
        let vendors = [vendor("openai", "OPENAI_API_KEY"), vendor("groq", "GROQ_API_KEY"), vendor("also_openai", "OPENAI_API_KEY")];
        let env = |name: &str| match name {
            "OPENAI_API_KEY" => Some("sk-1".to_owned()),
            "GROQ_API_KEY" => Some(" ".to_owned()),
            _ => None,
        };
        let config = from_environment(&vendors, &env).unwrap();
        assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["openai"]);
        assert_eq!(config.providers["openai"].base_url, "https://openai.example/v1");
        assert_eq!(config.listen[0].to_string(), "127.0.0.1:4000");
        assert!(from_environment(&vendors, &|_| None).is_none());
    }

    #[test]
    fn vendors_that_need_more_than_a_key_are_left_out() {
        let azure = VendorFacts { required: vec!["base_url".into()], ..vendor("azure", "KEY") };
        let local = VendorFacts { default_base_url: None, ..vendor("vllm", "KEY") };
        assert!(from_environment(&[azure, local], &|_| Some("key".into())).is_none());
    }
}

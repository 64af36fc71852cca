//! From the file as written to a [`Config`]: every value in its type, every reference followed, everything wrong reported.
//!
//! A section that is wrong still yields a value, so that the rest can be checked; the caller throws the result away if there was an
//! error. That a required key is missing is said here, as only here the other keys are known.

mod access;
mod address;
mod alerts;
mod cloud;
mod limit;
mod listen;
mod login;
mod money;
mod provider;
mod rollout;
mod route;
mod secrets;
mod server;
mod store;
mod telemetry;
mod tls;
mod url;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use address::with_region;
pub(super) use money::USAGE_KEEP;
pub(super) use telemetry::from_environment as telemetry_of_environment;

use super::files::Files;
use super::findings::{Findings, Report, SourceText};
use super::model;
use super::node::{KeyPath, Node};
use super::types::{Cloud, Config, Secrets, Store, Unsupported};

/// Reads quirks on top of those of the vendor with this id.
pub type CheckQuirks = fn(&str, &serde_json::Value) -> Result<(), String>;

/// Whether the built-in prices have this model of the vendor with this id.
pub type KnowsPrice = fn(&str, &str) -> bool;

/// What the check needs to know of a vendor.
#[derive(Clone, Debug, Default)]
pub struct VendorFacts {
    pub id: String,
    pub aliases: Vec<String>,
    /// Environment variables that usually hold the vendor's key, the likeliest first.
    pub env: Vec<String>,
    /// May hold `{location}` or `{region}`.
    pub default_base_url: Option<String>,
    /// The base URL of each region, where the vendor has one for each.
    pub regions: BTreeMap<String, String>,
    /// The ids of the vendors that `api` chooses from.
    pub apis: BTreeMap<String, String>,
    /// Locations with an address of another form.
    pub locations: BTreeMap<String, String>,
    /// Whose identities it takes instead of a key.
    pub cloud: Option<Cloud>,
    /// Environment variables that usually name the region, the likeliest first.
    pub region_env: Vec<String>,
    pub needs_key: bool,
    /// Keys of a provider that have no default with this vendor.
    pub required: Vec<String>,
    /// Says what is wrong with a provider's own quirks, given the vendor's id.
    pub check_quirks: Option<CheckQuirks>,
    /// Says whether a model's price is built in, given the vendor's id.
    pub knows_price: Option<KnowsPrice>,
}

/// What is checked, and with what.
pub struct Scope<'a> {
    pub root: &'a Node,
    pub sources: &'a [SourceText],
    pub vendors: &'a [VendorFacts],
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub files: &'a mut Files,
    pub findings: &'a mut Findings,
}

/// Checks the section `secrets` alone, which is needed to read others.
pub fn secrets(raw: &model::Secrets, scope: Scope<'_>) -> Option<Secrets> {
    Check::new(scope).secrets(raw)
}

/// Checks the section `store` alone, which says where further providers are.
pub fn store(raw: &model::Store, scope: Scope<'_>) -> Store {
    Check::new(scope).store(raw)
}

/// The same as [`Scope`], with the findings in the form the sections use.
struct Check<'a> {
    report: Report<'a>,
    sources: &'a [SourceText],
    vendors: &'a [VendorFacts],
    env: &'a dyn Fn(&str) -> Option<String>,
    files: &'a mut Files,
}

/// Checks everything but `secrets`, which has been checked before. Means something only if no error was added to the findings.
pub fn check(raw: model::File, secrets: Option<Secrets>, scope: Scope<'_>) -> Config {
    let mut check = Check::new(scope);
    let server = check.server(&raw.server);
    let listen = check.data_addresses(raw.listen.as_ref(), raw.clients.is_empty(), server.allow_open);
    let admin = check.admin(&raw.admin, &listen, server.allow_open);
    let clients = check.clients(&raw.clients);
    let tls = raw.tls.as_ref().and_then(|tls| check.listener_tls(tls));
    let providers = check.providers(raw.providers);
    let models = check.routes(&raw.models, &providers);
    let prices = check.prices(&raw.prices, &providers);
    check.priced(&models, &providers, &prices);
    let budgets = check.budgets(&raw.budgets, &clients, &providers);
    check.exchangeable(&prices, &clients, &budgets);
    let store = check.store(&raw.store);
    let log = check.log(&raw.log);
    let telemetry = check.telemetry(&raw.telemetry);
    Config {
        listen,
        tls,
        admin,
        clients,
        providers,
        models,
        unsupported: match raw.translation.unsupported {
            model::Unsupported::Drop => Unsupported::Drop,
            model::Unsupported::Warn => Unsupported::Warn,
            model::Unsupported::Reject => Unsupported::Reject,
        },
        signatures: check.signatures(&raw.translation.signatures),
        prices,
        budgets,
        usage_file: check.usage_file(&raw.usage),
        usage_keep: raw.usage.store.keep.map_or(USAGE_KEEP, |keep| keep.0),
        cache: check.cache(&raw.cache),
        secrets,
        store,
        effective: Arc::default(),
        server,
        log,
        telemetry,
        alerts: raw.alerts.as_ref().and_then(|alerts| check.alerts(alerts)),
        rollout: raw.rollout.as_ref().map(|rollout| check.rollout(rollout)),
        warnings: Vec::new(),
        files: Vec::new(),
        hash: String::new(),
    }
}

/// A name that becomes a metric label and a part of `provider/model`.
fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

impl<'a> Check<'a> {
    fn new(scope: Scope<'a>) -> Self {
        let Scope { root, sources, vendors, env, files, findings } = scope;
        Self { report: Report { root, findings }, sources, vendors, env, files }
    }
}

impl Check<'_> {
    fn name(&mut self, path: &KeyPath<'_>, name: &str) {
        if !is_name(name) {
            let hint = "letters, digits, `-`, `_` and `.`, at most 128 of them".to_owned();
            self.report.error_on_key(path, format!("`{name}` cannot be a name here"), hint);
        }
    }
}

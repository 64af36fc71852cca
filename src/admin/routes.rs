//! The table of everything the admin listener answers: path, method, and the permission that is needed. What is not in it is not
//! there, and what needs a permission is refused to everybody else.

use http::Method;

use super::resources::Write;
use crate::config::Permission;
use crate::store::Kind;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Root,
    Asset,
    Alive,
    Ready,
    Metrics,
    LogLevel,
    SetLogLevel,
    Config,
    ConfigStatus,
    ConfigValidate,
    ConfigReload,
    Limits,
    Breakers,
    BreakersForceOpen,
    BreakersReset,
    List(Kind),
    Get(Kind),
    Write(Kind, Write),
    TestProvider,
    SyncModels,
    IssueKey,
    RevokeKey,
    RotateSecrets,
    Audit,
    OpenApi,
    Playground,
    Usage,
}

/// One entry of the table.
#[derive(Debug)]
pub(super) struct Route {
    pub method: Method,
    /// `{name}` stands for one segment, which may hold anything but is decoded.
    pub path: &'static str,
    /// `None`: for everybody who reaches the listener.
    pub needs: Option<Permission>,
    pub action: Action,
}

const PROVIDERS: &str = "/api/v1/llm/providers";
const PROVIDER: &str = "/api/v1/llm/providers/{name}";
const MODELS: &str = "/api/v1/llm/models";
const MODEL: &str = "/api/v1/llm/models/{name}";
const CLIENTS: &str = "/api/v1/clients";
const CLIENT: &str = "/api/v1/clients/{name}";

const PRICES: &str = "/api/v1/llm/prices";
const PRICE: &str = "/api/v1/llm/prices/{name}";
const RATES: &str = "/api/v1/llm/exchange-rates";
const RATE: &str = "/api/v1/llm/exchange-rates/{name}";

/// A `GET` answers `HEAD` too.
pub(super) static ROUTES: &[Route] = &[
    open("/", Action::Root),
    open("/ui/{file}", Action::Asset),
    open("/healthz", Action::Alive),
    open("/livez", Action::Alive),
    open("/readyz", Action::Ready),
    open("/metrics", Action::Metrics),
    route(Method::GET, "/api/v1/openapi.json", Permission::ConfigRead, Action::OpenApi),
    route(Method::GET, PROVIDERS, Permission::ProvidersRead, Action::List(Kind::Provider)),
    route(Method::POST, PROVIDERS, Permission::ProvidersWrite, Action::Write(Kind::Provider, Write::Create)),
    route(Method::GET, PROVIDER, Permission::ProvidersRead, Action::Get(Kind::Provider)),
    route(Method::PUT, PROVIDER, Permission::ProvidersWrite, Action::Write(Kind::Provider, Write::Replace)),
    route(Method::PATCH, PROVIDER, Permission::ProvidersWrite, Action::Write(Kind::Provider, Write::Patch)),
    route(Method::DELETE, PROVIDER, Permission::ProvidersWrite, Action::Write(Kind::Provider, Write::Delete)),
    route(Method::POST, "/api/v1/llm/providers/{name}/test", Permission::ProvidersTest, Action::TestProvider),
    route(Method::POST, "/api/v1/llm/providers/{name}/sync-models", Permission::ProvidersTest, Action::SyncModels),
    route(Method::GET, MODELS, Permission::ModelsRead, Action::List(Kind::Model)),
    route(Method::POST, MODELS, Permission::ModelsWrite, Action::Write(Kind::Model, Write::Create)),
    route(Method::GET, MODEL, Permission::ModelsRead, Action::Get(Kind::Model)),
    route(Method::PUT, MODEL, Permission::ModelsWrite, Action::Write(Kind::Model, Write::Replace)),
    route(Method::PATCH, MODEL, Permission::ModelsWrite, Action::Write(Kind::Model, Write::Patch)),
    route(Method::DELETE, MODEL, Permission::ModelsWrite, Action::Write(Kind::Model, Write::Delete)),
    route(Method::POST, "/api/v1/llm/secrets/rotate", Permission::SecretsRotate, Action::RotateSecrets),
    route(Method::GET, CLIENTS, Permission::ClientsRead, Action::List(Kind::Client)),
    route(Method::POST, CLIENTS, Permission::ClientsWrite, Action::Write(Kind::Client, Write::Create)),
    route(Method::GET, CLIENT, Permission::ClientsRead, Action::Get(Kind::Client)),
    route(Method::PUT, CLIENT, Permission::ClientsWrite, Action::Write(Kind::Client, Write::Replace)),
    route(Method::PATCH, CLIENT, Permission::ClientsWrite, Action::Write(Kind::Client, Write::Patch)),
    route(Method::DELETE, CLIENT, Permission::ClientsWrite, Action::Write(Kind::Client, Write::Delete)),
    route(Method::POST, "/api/v1/clients/{name}/keys", Permission::ClientsWrite, Action::IssueKey),
    route(Method::DELETE, "/api/v1/clients/{name}/keys/{id}", Permission::ClientsWrite, Action::RevokeKey),
    route(Method::GET, PRICES, Permission::PricesRead, Action::List(Kind::Price)),
    route(Method::POST, PRICES, Permission::PricesWrite, Action::Write(Kind::Price, Write::Create)),
    route(Method::GET, PRICE, Permission::PricesRead, Action::Get(Kind::Price)),
    route(Method::PUT, PRICE, Permission::PricesWrite, Action::Write(Kind::Price, Write::Replace)),
    route(Method::PATCH, PRICE, Permission::PricesWrite, Action::Write(Kind::Price, Write::Patch)),
    route(Method::DELETE, PRICE, Permission::PricesWrite, Action::Write(Kind::Price, Write::Delete)),
    route(Method::GET, RATES, Permission::PricesRead, Action::List(Kind::ExchangeRate)),
    route(Method::POST, RATES, Permission::PricesWrite, Action::Write(Kind::ExchangeRate, Write::Create)),
    route(Method::GET, RATE, Permission::PricesRead, Action::Get(Kind::ExchangeRate)),
    route(Method::PUT, RATE, Permission::PricesWrite, Action::Write(Kind::ExchangeRate, Write::Replace)),
    route(Method::PATCH, RATE, Permission::PricesWrite, Action::Write(Kind::ExchangeRate, Write::Patch)),
    route(Method::DELETE, RATE, Permission::PricesWrite, Action::Write(Kind::ExchangeRate, Write::Delete)),
    route(Method::GET, "/api/v1/llm/usage", Permission::UsageRead, Action::Usage),
    route(Method::GET, "/api/v1/audit", Permission::AuditRead, Action::Audit),
    route(Method::GET, "/api/v1/config", Permission::ConfigRead, Action::Config),
    route(Method::POST, "/api/v1/config/validate", Permission::ConfigReload, Action::ConfigValidate),
    route(Method::GET, "/api/v1/config/status", Permission::ConfigRead, Action::ConfigStatus),
    route(Method::POST, "/api/v1/config/reload", Permission::ConfigReload, Action::ConfigReload),
    route(Method::GET, "/api/v1/logs/level", Permission::LogsRead, Action::LogLevel),
    route(Method::PUT, "/api/v1/logs/level", Permission::LogsWrite, Action::SetLogLevel),
    route(Method::GET, "/api/v1/limits", Permission::LimitsRead, Action::Limits),
    route(Method::GET, "/api/v1/breakers", Permission::BreakersRead, Action::Breakers),
    route(Method::POST, "/api/v1/breakers/force-open", Permission::BreakersWrite, Action::BreakersForceOpen),
    route(Method::POST, "/api/v1/breakers/reset", Permission::BreakersWrite, Action::BreakersReset),
    route(Method::POST, "/api/v1/playground/chat", Permission::PlaygroundUse, Action::Playground),
];

const fn open(path: &'static str, action: Action) -> Route {
    Route { method: Method::GET, path, needs: None, action }
}

const fn route(method: Method, path: &'static str, needs: Permission, action: Action) -> Route {
    Route { method, path, needs: Some(needs), action }
}

/// What a request asks for.
pub(super) enum Found {
    /// The route, and what stands in the path for its `{names}`.
    Route(&'static Route, Vec<String>),
    /// The path is there, with these methods.
    Method(String),
    Nothing,
}

pub(super) fn find(method: &Method, path: &str) -> Found {
    let mut methods: Vec<&str> = Vec::new();
    for route in ROUTES {
        let Some(names) = fit(route.path, path) else { continue };
        if route.method == *method || (route.method == Method::GET && *method == Method::HEAD) {
            return Found::Route(route, names);
        }
        methods.push(route.method.as_str());
    }
    if methods.is_empty() {
        return Found::Nothing;
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    Found::Method(methods.join(", "))
}

/// The decoded segments that stand for the template's names, if the path is of its form.
fn fit(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut names, mut segments) = (Vec::new(), path.split('/'));
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            let name = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
            if name.is_empty() {
                return None;
            }
            names.push(name.into_owned());
        } else if wanted != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_whole_and_names_are_decoded() {
        assert_eq!(fit("/a/{b}/c", "/a/x%2Fy/c"), Some(vec!["x/y".to_owned()]));
        assert_eq!(fit("/a/{b}", "/a/"), None);
        assert_eq!(fit("/a/{b}", "/a/b/c"), None);
        assert_eq!(fit("/a", "/A"), None);
        assert_eq!(fit("/a/{b}", "/a/%ff"), None);
    }

    /// Who may do what, spelt out: a change of it has to be made here too.
    #[test]
    fn every_route_is_for_the_roles_it_is_meant_for() {
        use crate::config::Role;
        let operators = [
            "POST /api/v1/config/reload",
            "POST /api/v1/breakers/force-open",
            "POST /api/v1/breakers/reset",
            "GET /api/v1/audit",
            "POST /api/v1/llm/providers/{name}/test",
            "POST /api/v1/llm/providers/{name}/sync-models",
            "POST /api/v1/config/validate",
            "PUT /api/v1/logs/level",
            "POST /api/v1/playground/chat",
        ];
        for route in ROUTES {
            let Some(needs) = route.needs else { continue };
            let name = format!("{} {}", route.method, route.path);
            let least = match () {
                () if operators.contains(&name.as_str()) => 1,
                () if route.method == Method::GET => 0,
                () => 2,
            };
            for (rank, role) in Role::BUILT_IN.into_iter().enumerate() {
                assert_eq!(Role::built_in(role).unwrap().may(needs), rank >= least, "{role}: {name}");
            }
            let only = Role { permissions: [needs].into(), ..Role::nothing("custom") };
            for other in ROUTES.iter().filter(|other| other.needs.is_some_and(|other| other != needs)) {
                assert!(!other.needs.is_some_and(|needs| only.may(needs)), "{name} opens {}", other.path);
            }
        }
    }

    #[test]
    fn each_route_is_there_once_and_everything_of_the_api_needs_a_permission() {
        for (index, route) in ROUTES.iter().enumerate() {
            let twice = ROUTES.iter().skip(index + 1).any(|other| other.method == route.method && other.path == route.path);
            assert!(!twice, "{} {}", route.method, route.path);
            assert_eq!(route.path.starts_with("/api/"), route.needs.is_some(), "{}", route.path);
            let is_read = route.needs.is_none_or(|needs| needs.as_str().ends_with(":read"));
            assert_eq!(route.method == Method::GET, is_read, "{} {}", route.method, route.path);
        }
    }
}

//! From a request to the admin listener to its answer: route, permission, body, action.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body;
use serde_json::Value;

use super::answer::{self, Answer, Problem, text};
use super::auth::{self, Caller, Refused};
use super::call::{self, Call};
use super::metrics;
use super::routes::{self, Action, Found, Route};
use super::serve::Admin;
use super::upstreams::{self, Hand};
use crate::base::id;
use crate::config::Permission;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one request. Never fails: whatever goes wrong becomes an answer.
pub(super) async fn handle<B>(admin: &Admin, address: IpAddr, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let request_id = id::request_id();
    let answered = match let_in(admin, address, request, request_id.clone()).await {
        Ok((route, call)) => act(admin, route.action, &call).await,
        Err(problem) => Err(problem),
    };
    let answer = answered.unwrap_or_else(|problem| problem.answer(&request_id));
    answer::with(answer, REQUEST_ID, &request_id)
}

/// Finds the route and lets the caller in before anything of the body is read.
async fn let_in<B>(admin: &Admin, address: IpAddr, request: Request<B>, request_id: String) -> Result<(&'static Route, Call), Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (route, names) = match routes::find(&head.method, head.uri.path()) {
        Found::Route(route, names) => (route, names),
        Found::Method(allow) => {
            let detail = format!("this path takes {allow}");
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).allow(allow));
        }
        Found::Nothing => return Err(Problem::new(StatusCode::NOT_FOUND, "unknown_url", "there is nothing at this path")),
    };
    let caller = route.needs.map(|needs| authorize(admin, &head.headers, needs)).transpose()?;
    if caller.is_some() && is_foreign(&head.headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "a page of another origin may not use the admin API"));
    }
    let query = call::read_query(head.uri.query().unwrap_or_default())?;
    let takes_body = !matches!(head.method, Method::GET | Method::HEAD);
    let body = if takes_body { call::read_body(body).await? } else { Bytes::new() };
    Ok((route, Call { caller, address, request_id, names, query, headers: head.headers, body }))
}

/// The request's caller, if its role has the permission.
fn authorize(admin: &Admin, headers: &HeaderMap, needs: Permission) -> Result<Caller, Problem> {
    let snapshot = admin.runtime.snapshot();
    let caller = auth::authenticate(&snapshot.config.admin.tokens, headers).map_err(|refused| match refused {
        Refused::Closed => Problem::new(StatusCode::FORBIDDEN, "admin_closed", "the admin API is closed: no `admin.tokens` are configured"),
        Refused::Unknown => {
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "a valid admin token is needed: `Authorization: Bearer …`")
        }
    })?;
    if caller.role.may(needs) {
        return Ok(caller);
    }
    let detail = format!("the role `{}` lacks the permission `{}`", caller.role.name, needs.as_str());
    Err(Problem::new(StatusCode::FORBIDDEN, "permission_denied", detail))
}

/// Whether a browser says that another site's page asks.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_none() || origin != host
}

async fn act(admin: &Admin, action: Action, call: &Call) -> Result<Answer, Problem> {
    let snapshot = admin.runtime.snapshot();
    Ok(match action {
        Action::Root => text("text/plain", index()),
        Action::Alive => text("text/plain", "ok\n"),
        Action::Ready if admin.drain.is_draining() => {
            let mut response = text("text/plain", "draining\n");
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
        Action::Ready => text("text/plain", "ready\n"),
        Action::Metrics => metrics::page(admin, &call.headers),
        Action::LogLevel => answer::ok(&admin.log_level.view()),
        Action::SetLogLevel => {
            let wrong = |detail| Problem::bad("invalid_value", "level", detail);
            answer::ok(&admin.log_level.change(call.who(), &call.body).map_err(wrong)?)
        }
        Action::ConfigStatus => answer::ok(&serde_json::to_value(admin.runtime.status()).unwrap_or(Value::Null)),
        Action::ConfigReload => {
            let status = admin.reload().await;
            let code = if status.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            answer::json(code, &serde_json::to_value(status).unwrap_or(Value::Null))
        }
        Action::Limits => answer::ok(&upstreams::limits(&snapshot)),
        Action::Breakers => answer::ok(&upstreams::breakers(&snapshot)),
        Action::BreakersForceOpen => by_hand(admin, call, Hand::ForceOpen)?,
        Action::BreakersReset => by_hand(admin, call, Hand::Reset)?,
    })
}

fn index() -> String {
    let mut paths: Vec<&str> = routes::ROUTES.iter().map(|route| route.path).filter(|path| *path != "/").collect();
    paths.dedup();
    format!("llm-sidecar admin: {}\n", paths.join(" "))
}

fn by_hand(admin: &Admin, call: &Call, hand: Hand) -> Result<Answer, Problem> {
    let done = upstreams::act(&admin.runtime.snapshot(), hand, call)?;
    tracing::info!(who = call.who(), ?hand, query = ?call.query, %done, "breakers were changed by hand");
    Ok(answer::ok(&done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listeners_own_origin_is_not_foreign() {
        let foreign = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "127.0.0.1:4001".parse().unwrap());
            headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
            is_foreign(&headers)
        };
        assert!(!foreign(None) && !foreign(Some("http://127.0.0.1:4001")) && !foreign(Some("https://127.0.0.1:4001")));
        assert!(foreign(Some("null")) && foreign(Some("http://evil.example")) && foreign(Some("http://127.0.0.1:4002")));
    }
}

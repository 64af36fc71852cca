//! From a request to the admin listener to its answer: route, permission, body, action.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HOST, HeaderName, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use serde_json::Value;

use super::answer::{self, Answer, Problem, text};
use super::auth::{Caller, Peer, Refused};
use super::call::{self, Call};
use super::reply::Reply;
use super::routes::{self, Action, Found, Route};
use super::serve::Admin;
use super::upstreams::{self, Hand};
use super::{client_keys, metrics, openapi, playground, probe, resources, rotate, settings, sync, trail, ui, usage};
use crate::base::id;
use crate::config::Permission;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one request. Never fails: whatever goes wrong becomes an answer.
pub(super) async fn answer(admin: &Arc<Admin>, peer: Peer, request: Request<Incoming>) -> Response<Reply> {
    let action = match routes::find(request.method(), request.uri().path()) {
        Found::Route(route, _) => Some((route.action, route.needs)),
        _ => None,
    };
    let Some((Action::Playground, Some(needs))) = action else {
        return handle(admin, peer, request).await.map(Reply::Whole);
    };
    // Its body and its answer are streams.
    let let_in = authenticate(admin, peer, request.headers()).await.and_then(|caller| permit(&caller, needs).map(|()| caller));
    match let_in.and_then(|caller| own_origin(request.headers()).map(|()| caller)) {
        Ok(caller) => {
            tracing::info!(who = caller.name, "the playground is used");
            // In a box: few connections do this, and each holds room for it otherwise.
            Box::pin(playground::chat(admin, request)).await.map(Reply::Streamed)
        }
        Err(problem) => problem.answer(&id::request_id()).map(Reply::Whole),
    }
}

async fn handle<B>(admin: &Arc<Admin>, peer: Peer, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let request_id = id::request_id();
    let method = request.method().clone();
    let mut caller = None;
    let answered = match let_in(admin, peer, request, &request_id, &mut caller).await {
        Ok((route, call)) => act(admin, route.action, Arc::new(call)).await,
        Err(problem) => Err(problem),
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(problem) => {
            if let Some(caller) = caller.filter(|_| !matches!(method, Method::GET | Method::HEAD)) {
                trail::refused(admin, &caller, peer.address, &request_id, &problem).await;
            }
            problem.answer(&request_id)
        }
    };
    answer::with(answer, REQUEST_ID, &request_id)
}

/// Finds the route and lets the caller in before anything of the body is read.
async fn let_in<B>(
    admin: &Admin,
    peer: Peer,
    request: Request<B>,
    request_id: &str,
    known: &mut Option<Caller>,
) -> Result<(&'static Route, Call), Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (route, names) = match routes::find(&head.method, head.uri.path()) {
        Found::Route(route, names) => (route, names),
        Found::Method(allow) => {
            let detail = format!("this path takes {allow}");
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).header(ALLOW, allow));
        }
        Found::Nothing => return Err(Problem::new(StatusCode::NOT_FOUND, "unknown_url", "there is nothing at this path")),
    };
    // Probes have no certificate.
    if peer.lacks_certificate && !matches!(route.action, Action::Alive | Action::Ready) {
        return Err(refused(Refused::Certificate));
    }
    let caller = match route.needs {
        None => None,
        Some(needs) => {
            let caller = known.insert(authenticate(admin, peer, &head.headers).await?).clone();
            permit(&caller, needs)?;
            Some(caller)
        }
    };
    if caller.is_some() {
        own_origin(&head.headers)?;
    }
    let query = call::read_query(head.uri.query().unwrap_or_default())?;
    let takes_body = !matches!(head.method, Method::GET | Method::HEAD);
    let body = if takes_body { call::read_body(body).await? } else { Bytes::new() };
    Ok((route, Call { caller, address: peer.address, request_id: request_id.to_owned(), names, query, headers: head.headers, body }))
}

async fn authenticate(admin: &Admin, peer: Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    let snapshot = admin.runtime.snapshot();
    admin.auth.identify(&snapshot.config.admin, headers, peer).await.map_err(refused)
}

fn permit(caller: &Caller, needs: Permission) -> Result<(), Problem> {
    if caller.role.may(needs) {
        return Ok(());
    }
    let detail = format!("the role `{}` lacks the permission `{}`", caller.role.name, needs.as_str());
    Err(Problem::new(StatusCode::FORBIDDEN, "permission_denied", detail))
}

/// What somebody is told who is not let in.
fn refused(why: Refused) -> Problem {
    match why {
        Refused::Closed => Problem::new(StatusCode::FORBIDDEN, "admin_closed", "the admin API is closed: no `admin.tokens` are configured"),
        Refused::Missing | Refused::Unknown => {
            let detail = "a valid admin token is needed: `Authorization: Bearer …`";
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_api_key", detail).header(WWW_AUTHENTICATE, "Bearer")
        }
        Refused::Stranger => Problem::new(StatusCode::FORBIDDEN, "permission_denied", "the token is good, but its owner has no role here"),
        Refused::Throttled(wait) => {
            let detail = "too many wrong tokens came from this address; try again later";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
            problem.header(RETRY_AFTER, wait.as_secs().max(1).to_string())
        }
        Refused::Unavailable => {
            let detail = "whoever vouches for the token cannot be asked; the log says why";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "login_unavailable", detail)
        }
        Refused::Certificate => {
            Problem::new(StatusCode::FORBIDDEN, "certificate_required", "a client certificate of `admin.tls.client_ca` is needed")
        }
    }
}

fn own_origin(headers: &HeaderMap) -> Result<(), Problem> {
    if is_foreign(headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "a page of another origin may not use the admin API"));
    }
    Ok(())
}

/// Whether a browser says that another site's page asks.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_none() || origin != host
}

async fn act(admin: &Arc<Admin>, action: Action, call: Arc<Call>) -> Result<Answer, Problem> {
    let snapshot = admin.runtime.snapshot();
    Ok(match action {
        Action::Root => ui::page(&call.headers)?,
        Action::Asset => ui::asset(call.names.first().map(String::as_str).unwrap_or_default(), &call.headers)?,
        Action::Alive => text("text/plain", "ok\n"),
        Action::Ready if admin.drain.is_draining() => {
            let mut response = text("text/plain", "draining\n");
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
        Action::Ready => text("text/plain", "ready\n"),
        Action::Metrics => metrics::page(admin, &call.headers),
        Action::OpenApi => answer::ok(&openapi::document()),
        Action::LogLevel => answer::ok(&admin.log_level.view()),
        Action::SetLogLevel => {
            let wrong = |detail| Problem::bad("invalid_value", "level", detail);
            let wanted = String::from_utf8_lossy(&call.body).into_owned();
            trail::note(admin, &call, "logs.level", wanted, Value::Null).await?;
            answer::ok(&admin.log_level.change(call.who(), &call.body).map_err(wrong)?)
        }
        Action::Config => settings::effective(admin, &call)?,
        Action::ConfigStatus => answer::ok(&settings::status(admin, &admin.runtime.status())),
        Action::ConfigValidate => on_thread(admin, &call, settings::validate).await?,
        Action::ConfigReload => {
            trail::note(admin, &call, "config.reload", String::new(), Value::Null).await?;
            let status = admin.reload().await;
            let code = if status.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            answer::json(code, &settings::status(admin, &status))
        }
        Action::Limits => answer::ok(&upstreams::limits(&snapshot)),
        Action::Breakers => answer::ok(&upstreams::breakers(&snapshot)),
        Action::BreakersForceOpen => by_hand(admin, &call, Hand::ForceOpen).await?,
        Action::BreakersReset => by_hand(admin, &call, Hand::Reset).await?,
        Action::List(kind) => on_thread(admin, &call, move |admin, call| resources::list(admin, call, kind)).await?,
        Action::Get(kind) => on_thread(admin, &call, move |admin, call| resources::get(admin, call, kind)).await?,
        Action::Write(kind, how) => on_thread(admin, &call, move |admin, call| resources::write(admin, call, kind, how)).await?,
        Action::TestProvider => probe::run(admin, &call).await?,
        Action::SyncModels => sync::run(admin, &call).await?,
        Action::IssueKey => on_thread(admin, &call, client_keys::issue).await?,
        Action::RotateSecrets => on_thread(admin, &call, rotate::run).await?,
        Action::RevokeKey => on_thread(admin, &call, client_keys::revoke).await?,
        // Answered before the body is read.
        Action::Playground => return Err(Problem::missing("there is nothing at this path")),
        Action::Audit => on_thread(admin, &call, trail::list).await?,
        Action::Usage => on_thread(admin, &call, usage::list).await?,
    })
}

/// Does what may wait for the store or for files.
async fn on_thread(
    admin: &Arc<Admin>,
    call: &Arc<Call>,
    work: impl FnOnce(&Admin, &Call) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let (admin, call) = (Arc::clone(admin), Arc::clone(call));
    resources::blocking(move || work(&admin, &call)).await
}

async fn by_hand(admin: &Admin, call: &Call, hand: Hand) -> Result<Answer, Problem> {
    let snapshot = admin.runtime.snapshot();
    let choice = upstreams::choose(&snapshot, hand, call)?;
    trail::note(admin, call, hand.as_str(), choice.provider.clone(), choice.shown()).await?;
    Ok(answer::ok(&upstreams::act(&snapshot, hand, &choice)))
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

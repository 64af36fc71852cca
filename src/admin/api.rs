//! The admin listener's routes.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use serde_json::{Value, json};

use super::auth::{self, Refused};
use super::serve::Admin;
use super::upstreams::{self, Hand};
use super::{level, metrics};
use crate::base::id;
use crate::config::Role;

/// Answers one request.
pub(super) async fn handle<B>(admin: &Admin, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = request.uri().path();
    let known: &[(&str, &[Method])] = &[
        ("/", &[Method::GET, Method::HEAD]),
        ("/healthz", &[Method::GET, Method::HEAD]),
        ("/livez", &[Method::GET, Method::HEAD]),
        ("/readyz", &[Method::GET, Method::HEAD]),
        ("/metrics", &[Method::GET, Method::HEAD]),
        ("/api/v1/config/status", &[Method::GET]),
        ("/api/v1/config/reload", &[Method::POST]),
        ("/api/v1/logs/level", &[Method::GET, Method::PUT]),
        ("/api/v1/limits", &[Method::GET]),
        ("/api/v1/breakers", &[Method::GET]),
        ("/api/v1/breakers/force-open", &[Method::POST]),
        ("/api/v1/breakers/reset", &[Method::POST]),
    ];
    let Some((_, methods)) = known.iter().find(|(p, _)| *p == path) else {
        return error(StatusCode::NOT_FOUND, "unknown_url", "there is nothing at this path");
    };
    if !methods.contains(request.method()) {
        return error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method");
    }
    match path {
        "/" => text(
            "text/plain",
            "llm-sidecar admin: /healthz /readyz /metrics /api/v1/config/status /api/v1/config/reload /api/v1/logs/level /api/v1/limits /api/v1/breakers\n",
        ),
        "/healthz" | "/livez" => text("text/plain", "ok\n"),
        "/readyz" if admin.drain.is_draining() => {
            let mut response = text("text/plain", "draining\n");
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
        "/readyz" => text("text/plain", "ready\n"),
        "/metrics" => metrics::page(admin, request.headers()),
        "/api/v1/logs/level" if *request.method() == Method::PUT => log_level(admin, request).await,
        "/api/v1/logs/level" => viewed(admin, &request, |admin| admin.log_level.view()),
        "/api/v1/config/status" => viewed(admin, &request, |admin| serde_json::to_value(admin.runtime.status()).unwrap_or(Value::Null)),
        "/api/v1/limits" => viewed(admin, &request, |admin| upstreams::limits(&admin.runtime.snapshot())),
        "/api/v1/breakers" => viewed(admin, &request, |admin| upstreams::breakers(&admin.runtime.snapshot())),
        "/api/v1/breakers/force-open" => by_hand(admin, &request, Hand::ForceOpen),
        "/api/v1/breakers/reset" => by_hand(admin, &request, Hand::Reset),
        _ => match authorize(admin, &request, Role::Operator) {
            Err(refused) => refused,
            Ok(_) => {
                let status = admin.reload().await;
                let code = if status.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
                json_body(code, &serde_json::to_value(status).unwrap_or(Value::Null))
            }
        },
    }
}

/// What any role may see.
fn viewed<B>(admin: &Admin, request: &Request<B>, show: impl FnOnce(&Admin) -> Value) -> Response<Full<Bytes>> {
    match authorize(admin, request, Role::Viewer) {
        Err(refused) => refused,
        Ok(_) => json_body(StatusCode::OK, &show(admin)),
    }
}

async fn log_level<B>(admin: &Admin, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let who = match authorize(admin, &request, Role::Operator) {
        Err(refused) => return refused,
        Ok(who) => who,
    };
    let body = level::read(request.into_body()).await;
    match body.and_then(|body| admin.log_level.change(&who, &body)) {
        Ok(level) => json_body(StatusCode::OK, &level),
        Err(message) => error_of(StatusCode::BAD_REQUEST, "invalid_value", Some("level"), &message),
    }
}

fn by_hand<B>(admin: &Admin, request: &Request<B>, hand: Hand) -> Response<Full<Bytes>> {
    let who = match authorize(admin, request, Role::Operator) {
        Err(refused) => return refused,
        Ok(who) => who,
    };
    let query = request.uri().query().unwrap_or_default();
    match upstreams::act(&admin.runtime.snapshot(), hand, query) {
        Ok(done) => {
            tracing::info!(who, ?hand, query, %done, "breakers were changed by hand");
            json_body(StatusCode::OK, &done)
        }
        Err((param, message)) => error_of(StatusCode::BAD_REQUEST, "invalid_value", Some(param), &message),
    }
}

/// The name of the token the request comes with.
fn authorize<B>(admin: &Admin, request: &Request<B>, needed: Role) -> Result<String, Response<Full<Bytes>>> {
    let snapshot = admin.runtime.snapshot();
    auth::check(&snapshot.config.admin.tokens, request.headers(), needed).map(str::to_owned).map_err(|refused| match refused {
        Refused::Closed => error(StatusCode::FORBIDDEN, "admin_closed", "the admin API is closed: no `admin.tokens` are configured"),
        Refused::Unknown => error(StatusCode::UNAUTHORIZED, "invalid_api_key", "a valid admin token is needed: `Authorization: Bearer …`"),
        Refused::Role => error(StatusCode::FORBIDDEN, "permission_denied", "the token's role does not permit this"),
    })
}

pub(super) fn text(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json_body(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = text("application/json", body.to_string());
    *response.status_mut() = status;
    response
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    error_of(status, code, None, message)
}

/// An error in OpenAI's shape; `param` names what is wrong.
fn error_of(status: StatusCode, code: &str, param: Option<&str>, message: &str) -> Response<Full<Bytes>> {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        _ => "invalid_request_error",
    };
    let id = id::request_id();
    let mut response = json_body(status, &json!({"error": {"message": message, "type": kind, "param": param, "code": code}}));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

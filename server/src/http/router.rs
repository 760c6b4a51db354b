//! All routes, the engine beside them, and the layers around both.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::limits;
use chat_processor::trace::{self, Kind, Step};
use engineioxide::service::EngineIoService;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode, Uri};
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use super::cors;
use super::problem::{self, Problem};
use crate::app::App;
use crate::routes;
use crate::sockets::engine::{self, Engine};

/// How long a route may take, its body's arrival included.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(30);

/// The same for an upload: 10 MiB at 160 kbit/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

/// When a client that was turned away by a draining gateway should knock again; another one will answer.
const DRAINING_RETRY: Duration = Duration::from_secs(1);

/// Everything that answers requests.
pub(crate) fn service(
    app: &Arc<App>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
+ use<> {
    let engine = EngineIoService::with_config_inner(
        router(app),
        Arc::new(Engine::new(Arc::clone(app))),
        engine::config(),
    );
    ServiceBuilder::new()
        .layer(cors::layer(&app.config.cors))
        .layer(middleware::from_fn(harden))
        .layer(middleware::from_fn(problem::render))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard_engine,
        ))
        .service(engine)
}

fn router(app: &Arc<App>) -> Router {
    let within = |span| TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, span);
    routes::router()
        .layer(within(ROUTE_TIMEOUT))
        .merge(routes::uploads().layer(within(UPLOAD_TIMEOUT)))
        .fallback(fallback)
        .layer(DefaultBodyLimit::max(limits::REST_BODY_BYTES))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::clone(app), count))
        .with_state(Arc::clone(app))
}

/// The page, or nothing.
async fn fallback(State(app): State<Arc<App>>, request: Request) -> Response {
    app.web
        .answer(request.method(), request.uri().path(), request.headers())
        .unwrap_or_else(|| {
            Problem::new(ErrorCode::NotFound, "There is nothing at this path.").into_response()
        })
}

/// Counts and traces answers by the router's template, never by a path.
async fn count(
    State(app): State<Arc<App>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let route = matched.as_ref().map_or("other", MatchedPath::as_str);
    let traceparent = request.headers().get(trace::TRACEPARENT);
    let step = Step::begin(
        Kind::Server,
        format!("{} {route}", request.method()),
        traceparent.and_then(|value| value.to_str().ok()),
    );
    let response = step.around(next.run(request)).await;
    let status = response.status();
    step.note("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        step.fail(status.canonical_reason().unwrap_or_default());
    }
    app.monitoring.response_times.add(start.elapsed());
    app.metrics.http_request(route, status.as_u16());
    response
}

/// Headers that every answer has.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// Brings both paths of the engine to one, and turns new sockets away while draining.
async fn guard_engine(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Some(uri) = engine_uri(request.uri()) {
        let is_handshake = !uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("sid=")));
        if is_handshake && (app.drain.is_draining() || app.is_full()) {
            let refusal = Refusal::new(
                if app.drain.is_draining() {
                    ErrorCode::Draining
                } else {
                    ErrorCode::Busy
                },
                "This gateway takes no new sockets. Please connect again.",
            );
            return Problem(refusal.retry_after(DRAINING_RETRY)).into_response();
        }
        *request.uri_mut() = uri;
        let headers = kept_headers(request.headers());
        *request.headers_mut() = headers;
    }
    next.run(request).await
}

/// Copies of the headers that the engine or a handshake reads. The engine keeps a socket's first request as long as the
/// socket, and each header that came with it would keep the connection's whole first buffer of 8 KiB.
fn kept_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::SEC_WEBSOCKET_KEY,
    ];
    let copied = |name: HeaderName| {
        let mut value = HeaderValue::from_bytes(headers.get(&name)?.as_bytes()).ok()?;
        value.set_sensitive(name == header::AUTHORIZATION);
        Some((name, value))
    };
    let mut copies = HeaderMap::with_capacity(1);
    copies.extend(kept.into_iter().filter_map(copied));
    copies
}

/// The address under which the engine knows the request; `None` if it is not for the engine.
fn engine_uri(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let rest = [engine::PATH_ALIAS, engine::PATH]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .filter(|rest| rest.is_empty() || *rest == "/")?;
    let query = uri.query().unwrap_or_default();
    format!("{}{rest}?{query}", engine::PATH).parse().ok()
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic's own text has gone to the log by the panic hook; it must not go to a client.
    tracing::error!("a request's handler panicked");
    Problem::new(
        ErrorCode::Internal,
        "Something went wrong. Please try again.",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_lead_to_the_engine_with_or_without_a_slash() {
        let engine = |uri: &str| engine_uri(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(
            engine("/socket.io/?EIO=4").as_deref(),
            Some("/socket.io/?EIO=4")
        );
        assert_eq!(
            engine("/socket.io?EIO=4").as_deref(),
            Some("/socket.io?EIO=4")
        );
        assert_eq!(
            engine("/ws/socket.io/?EIO=4").as_deref(),
            Some("/socket.io/?EIO=4")
        );
        assert_eq!(
            engine("/ws/socket.io?EIO=4").as_deref(),
            Some("/socket.io?EIO=4")
        );
        for other in ["/", "/socket.iox", "/ws", "/api/v1/me", "/socket.io/admin"] {
            assert_eq!(engine(other), None, "{other}");
        }
    }
}

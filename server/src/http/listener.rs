//! Accepts connections, bounded in number and in patience, and serves HTTP/1.1 on them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::caller::Peer;
use super::lingering_body::LingeringBody;

/// Most connections of one gateway; the kernel's queue holds the next ones.
const MOST_CONNECTIONS: usize = 50_000;

/// How long a client may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long written bytes may stay unacknowledged. Without it a client that stops reading holds its socket for ever.
const UNACKED_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait after `accept` failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`; connections live on in `tasks` and end by `close`.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    tasks: &TaskTracker,
    stop: CancellationToken,
    close: CancellationToken,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Some(Ok(place)) = stop
        .run_until_cancelled(Arc::clone(&places).acquire_owned())
        .await
    {
        let (stream, peer) = match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (service, close) = (service.clone(), close.clone());
        tasks.spawn(async move {
            connection(stream, peer, service, close).await;
            drop(place);
        });
    }
}

async fn connection<S>(stream: TcpStream, peer: SocketAddr, service: S, close: CancellationToken)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let socket = SockRef::from(&stream);
    if let Err(error) = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(UNACKED_TIMEOUT)))
    {
        tracing::debug!(%error, "socket options were not taken");
    }
    let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut service = service.clone();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Peer(peer));
        service.call(Request::from_parts(
            parts,
            Body::new(LingeringBody::new(body)),
        ))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => log_end(ended),
        () = close.cancelled() => {
            // What is being answered is finished, what is idle closes now.
            connection.as_mut().graceful_shutdown();
            log_end(connection.await);
        }
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

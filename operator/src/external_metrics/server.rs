//! The HTTPS server of the API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kube::Client;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::access::{Access, Asked, FrontProxy, Refusal};
use super::api;
use super::certificates::{CertificateError, Certificates, common_name};
use crate::children::Children;
use crate::clusters::Clusters;
use crate::readings::Readings;

/// How long a client may take to shake hands, and to send its request's head.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections at the same time.
const MOST_CONNECTIONS: usize = 128;

/// What the API answers from.
pub struct ApiState {
    /// The readings.
    pub readings: Arc<Readings>,
    /// Where pods are found.
    pub children: Arc<Children>,
    /// Which ChatClusters there are.
    pub clusters: Clusters,
}

/// What the server is to use, as the registration finds it.
#[derive(Clone, Default)]
pub(super) struct Serving {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) front_proxy: FrontProxy,
}

impl Serving {
    pub(super) fn new(
        certificates: &Certificates,
        front_proxy: FrontProxy,
    ) -> Result<Self, CertificateError> {
        let read = |error: rustls::pki_types::pem::Error| CertificateError::Read(error.to_string());
        let chain = CertificateDer::pem_slice_iter(certificates.certificate_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(read)?;
        let key = PrivateKeyDer::from_pem_slice(certificates.key_pem.as_bytes()).map_err(read)?;
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(front_proxy.ca_pem.as_bytes()) {
            roots.add(root.map_err(read)?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            // A certificate is asked for but not demanded: a caller with a token has none.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| CertificateError::Read(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        };
        Ok(Self {
            tls: Some(Arc::new(builder.with_single_cert(chain, key)?)),
            front_proxy,
        })
    }
}

/// The common name of the certificate that the connection showed, once it has been verified.
#[derive(Clone)]
struct CertificateName(Option<String>);

struct Guard {
    access: Access,
    serving: watch::Receiver<Serving>,
}

/// Serves the API until `stop`.
///
/// # Errors
/// When the address can't be listened on.
pub async fn serve(
    address: SocketAddr,
    client: Client,
    state: ApiState,
    registration: &super::Registration,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let guard = Arc::new(Guard {
        access: Access::new(client),
        serving: registration.serving(),
    });
    let router = api::router(Arc::new(state))
        .layer(middleware::from_fn_with_state(Arc::clone(&guard), check));
    let listener = TcpListener::bind(address).await?;
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&free).acquire_owned() => place,
            () = stop.cancelled() => return Ok(()),
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return Ok(()),
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // For example too many open files: trying again at once would spin.
                tracing::warn!(%error, "A connection to the metrics API could not be accepted.");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let tls = guard.serving.borrow().tls.clone();
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            if let Some(tls) = tls {
                tokio::select! {
                    () = connection(stream, tls, router) => {}
                    () = stop.cancelled() => {}
                }
            }
        });
    }
}

async fn connection(stream: TcpStream, tls: Arc<ServerConfig>, router: Router) {
    let stream = match timeout(PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "A client of the metrics API could not shake hands.");
            return;
        }
        Err(_) => return,
    };
    let name = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| common_name(chain.first()?));
    let service = TowerToHyperService::new(router.layer(axum::Extension(CertificateName(name))));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE * 24)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "A connection to the metrics API ended early.");
    }
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    // Probes and discovery of the server's own health need no name.
    if request.uri().path() == "/healthz" {
        return next.run(request).await;
    }
    let name = request
        .extensions()
        .get::<CertificateName>()
        .and_then(|CertificateName(name)| name.clone());
    let front_proxy = guard.serving.borrow().front_proxy.clone();
    let asked = Asked::new(request.uri().path());
    let checked = guard
        .access
        .check(&front_proxy, name.as_deref(), request.headers(), asked)
        .await;
    match checked {
        Ok(()) => next.run(request).await,
        Err(refusal @ Refusal::Unauthenticated) => api::status(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            &refusal.to_string(),
        ),
        Err(refusal @ Refusal::Forbidden(_)) => {
            api::status(StatusCode::FORBIDDEN, "Forbidden", &refusal.to_string())
        }
        Err(refusal @ Refusal::Unknown(_)) => {
            tracing::warn!(error = ?refusal, "A caller of the metrics API could not be checked.");
            api::status(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                &refusal.to_string(),
            )
        }
    }
}

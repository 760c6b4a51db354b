//! One request to a push service. No redirects, no reading of what it says beyond the status: the address is a stranger's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use chat_backends::tls;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::endpoint::{BadEndpoint, Endpoint, Reach, choose};

/// How long a push service may take for everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it keeps what a browser that is off does not fetch, in seconds.
const TTL: &str = "86400";
/// Longest wait that a push service can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a push service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has the notification.
    Taken,
    /// It knows no such subscription any more.
    Gone,
    /// It will never take this one.
    Refused(StatusCode),
    /// It may take it later, not before this.
    Later(Option<Duration>),
}

/// Why there is no answer; the next try may have one.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It leads where we do not go.
    #[error("the address is not allowed: {0}")]
    Endpoint(#[from] BadEndpoint),
    /// No connection, or it broke.
    #[error("the push service can't be reached: {0}")]
    Io(#[from] std::io::Error),
    /// What came back is no answer.
    #[error("the push service does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The address or the proof holds what a request can't.
    #[error("the request can't be written: {0}")]
    Request(#[from] axum::http::Error),
    /// Too slow.
    #[error("the push service did not answer in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

/// Sends to push services.
#[derive(Clone)]
pub struct Client {
    reach: Reach,
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts the public authorities.
    ///
    /// # Errors
    /// If the TLS library can't be set up.
    pub fn new(reach: Reach) -> Result<Self, rustls::Error> {
        Ok(Self {
            reach,
            tls: TlsConnector::from(Arc::new(tls::client_config()?)),
        })
    }

    /// Which addresses it goes to.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Sends an encrypted notification.
    ///
    /// # Errors
    /// [`SendError`]: whether the push service has it is unknown.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        authorization: &str,
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        tokio::time::timeout(PATIENCE, self.exchange(endpoint, authorization, body)).await?
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        authorization: &str,
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        // Resolved here, so that the address that was checked is the one that is used.
        let addresses = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await?;
        let address = choose(addresses, self.reach)?;
        let stream = TcpStream::connect(address).await?;
        let request = Request::post(&endpoint.path)
            .header(
                header::HOST,
                endpoint.origin.rsplit('/').next().unwrap_or_default(),
            )
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header("ttl", TTL)
            .header("urgency", "high")
            .body(Full::new(Bytes::from(body)))?;
        if !endpoint.tls {
            return ask(stream, request).await;
        }
        let name = match endpoint.host.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => {
                ServerName::try_from(endpoint.host.clone()).map_err(|_| BadEndpoint::Malformed)?
            }
        };
        ask(self.tls.connect(name, stream).await?, request).await
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, SendError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Driven together, so that it ends with the answer; the body of that is never read.
    tokio::select! {
        response = sender.send_request(request) => {
            let response = response?;
            Ok(judge(response.status(), response.headers().get(header::RETRY_AFTER)))
        }
        ended = connection => {
            ended?;
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into())
        }
    }
}

fn judge(status: StatusCode, retry_after: Option<&HeaderValue>) -> Answer {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Answer::Later(wait(retry_after))
        }
        status if status.is_success() => Answer::Taken,
        status if status.is_server_error() => Answer::Later(wait(retry_after)),
        status => Answer::Refused(status),
    }
}

fn wait(retry_after: Option<&HeaderValue>) -> Option<Duration> {
    let seconds = retry_after?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_becomes_of_the_notification() {
        let judged = |status: u16, wait: Option<&'static str>| {
            let wait = wait.map(HeaderValue::from_static);
            judge(StatusCode::from_u16(status).unwrap(), wait.as_ref())
        };
        assert_eq!(judged(201, None), Answer::Taken);
        assert_eq!(judged(404, None), Answer::Gone);
        assert_eq!(judged(410, None), Answer::Gone);
        assert_eq!(judged(302, None), Answer::Refused(StatusCode::FOUND));
        assert_eq!(
            judged(413, None),
            Answer::Refused(StatusCode::PAYLOAD_TOO_LARGE)
        );
        assert_eq!(judged(503, Some("x")), Answer::Later(None));
        let bounded = Answer::Later(Some(LONGEST_WAIT));
        assert_eq!(judged(429, Some("999999999")), bounded);
    }
}

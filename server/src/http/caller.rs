//! The authenticated caller of a route, and where any request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use chat_processor::actor::Actor;
use http::request::Parts;
use http::{HeaderMap, Method, header};

use super::extract::Params;
use super::problem::Problem;
use crate::app::App;
use crate::auth::accounts::Device;
use crate::auth::{AuthError, Identity, bare, refusals, throttle};

/// The address of the connection's other end; the listener puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The caller of a route that needs a token.
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    pub(crate) ip: IpAddr,
}

impl Caller {
    /// The caller as the one who acts.
    pub(crate) fn actor(&self, app: &App) -> Actor {
        Actor {
            user_id: self.identity.user_id,
            session_id: self.identity.session_id,
            socket_id: None,
            ip: Some(self.ip),
            gateway_id: Arc::clone(&app.config.gateway_id),
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).map(ToOwned::to_owned);
        let identity = identify(app, parts, token).await?;
        let ip = client_ip(app, parts);
        Ok(Self { identity, ip })
    }
}

/// The caller of a download, whose token may also stand in the query: an `<img>` can't send headers.
pub(crate) struct Downloader(pub(crate) Identity);

impl FromRequestParts<Arc<App>> for Downloader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = match bearer(&parts.headers) {
            Some(token) => Some(token.to_owned()),
            None => Params::from_request_parts(parts, app)
                .await?
                .text("token")
                .map(|token| bare(token).to_owned()),
        };
        identify(app, parts, token).await.map(Self)
    }
}

async fn identify(app: &App, parts: &Parts, token: Option<String>) -> Result<Identity, Problem> {
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| AuthError::NoToken.refusal())?;
    let identity = match app.authenticator.authenticate(&token).await {
        Ok(identity) => identity,
        Err(error) => {
            refusals::token(app, client_ip(app, parts), error).await;
            return Err(error.refusal().into());
        }
    };
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    throttle::rest(app, identity.user_id, route, reads).await?;
    Ok(identity)
}

impl FromRequestParts<Arc<App>> for Device {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self {
            ip: client_ip(app, parts),
            user_agent: parts
                .headers
                .get(header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok())
                .map(ToOwned::to_owned),
        })
    }
}

/// The client's address behind the proxies that are trusted.
fn client_ip(app: &App, parts: &Parts) -> IpAddr {
    let peer = parts
        .extensions
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    app.config.trusted_proxies.client(peer, &parts.headers)
}

/// The token of the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = bare(value);
    // Another scheme, or none at all, is as good as no token.
    (token.len() < value.trim().len() && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_scheme_carries_a_token() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, http::HeaderValue::from_static(value));
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer abc").as_deref(), Some("abc"));
        for other in ["abc", "Basic abc", "Bearer ", "Bearer", ""] {
            assert_eq!(token(other), None, "{other}");
        }
    }
}

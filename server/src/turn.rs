//! Credentials for TURN relays, derived per user and hour, so that no relay password ever reaches a client for good.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha1::Sha1;

/// How long credentials work, in seconds.
const TTL_SECS: u64 = 3600;

/// The relays of this installation.
#[derive(Debug, Clone, Default)]
pub struct TurnConfig {
    /// Addresses, `turn:…` or `stun:…`.
    pub urls: Vec<String>,
    /// Secret that the relays share with us.
    pub secret: Option<SecretString>,
}

/// The answer for a caller's `RTCPeerConnection`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    ice_servers: Vec<IceServer>,
    ttl: u64,
}

#[derive(Debug, Serialize)]
struct IceServer {
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl TurnConfig {
    /// Credentials for `user` from `now` on; relays without a secret of ours are left out.
    pub(crate) fn credentials(&self, user: UserId, now: Timestamp) -> Credentials {
        let (stun, turn): (Vec<String>, Vec<String>) = self
            .urls
            .iter()
            .cloned()
            .partition(|url| url.starts_with("stun"));
        let mut ice_servers = Vec::new();
        if !stun.is_empty() {
            ice_servers.push(IceServer {
                urls: stun,
                username: None,
                credential: None,
            });
        }
        if let Some(secret) = self.secret.as_ref().filter(|_| !turn.is_empty()) {
            let expiry = now + std::time::Duration::from_secs(TTL_SECS);
            let username = format!("{}:{user}", expiry.unix_seconds());
            ice_servers.push(IceServer {
                urls: turn,
                credential: Some(sign(secret, &username)),
                username: Some(username),
            });
        }
        Credentials {
            ice_servers,
            ttl: TTL_SECS,
        }
    }
}

/// The relays know SHA-1 only (draft-uberti-behave-turn-rest).
fn sign(secret: &SecretString, username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(username.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_signed_for_the_user_and_the_hour() {
        let config = TurnConfig {
            urls: vec!["turn:relay:3478".into(), "stun:relay:3478".into()],
            secret: Some("secret".into()),
        };
        let user = UserId::now_v7();
        let now = Timestamp::from_unix_millis(1_000_000).unwrap();
        let json = serde_json::to_value(config.credentials(user, now)).unwrap();
        let relay = &json["iceServers"][1];
        let username = format!("4600:{user}");
        assert_eq!(relay["username"], username);
        assert_eq!(relay["credential"], sign(&"secret".into(), &username));
        assert_eq!(json["ttl"], 3600);
        assert_eq!(
            sign(&"key".into(), "message"),
            "IIjfdNXyFGtIFGyvSWU3fp0L46Q="
        );
    }

    #[test]
    fn without_relays_there_are_no_servers() {
        let credentials = TurnConfig::default().credentials(UserId::now_v7(), Timestamp::now());
        assert!(credentials.ice_servers.is_empty());
    }
}

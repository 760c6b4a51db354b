//! How we prove to a push service that we are whom the browser subscribed to (RFC 8292).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_backends::config::ConfigError;
use chat_core::env;
use chat_core::time::Timestamp;
use clap::Args;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::encryption::point;

/// How long a proof is valid; the standard allows a day.
const PROOF_LASTS: Duration = Duration::from_secs(12 * 3600);

/// The settings as they are given.
#[derive(Debug, Clone, Default, Args)]
pub struct VapidArgs {
    /// Private key of Web Push (VAPID), 32 bytes in base64url, the same for every gateway and processor; none: no Web Push.
    #[arg(long, env = env::CHAT_VAPID_PRIVATE_KEY, hide_env_values = true)]
    chat_vapid_private_key: Option<SecretString>,
    /// Whom a push service may write to, mailto: or https:; none by default.
    #[arg(long, env = env::CHAT_VAPID_SUBJECT)]
    chat_vapid_subject: Option<String>,
}

/// The key of this installation, and whom a push service may write to. `Debug` shows the public key only.
#[derive(Clone)]
pub struct Vapid {
    key: SigningKey,
    public: String,
    subject: Option<String>,
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vapid")
            .field("public", &self.public)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl VapidArgs {
    /// Checks the settings; `None` without a key.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is wrong, without its value.
    pub fn resolve(&self) -> Result<Option<Vapid>, ConfigError> {
        let Some(key) = self
            .chat_vapid_private_key
            .as_ref()
            .map(|key| key.expose_secret().trim())
            .filter(|key| !key.is_empty())
        else {
            return Ok(None);
        };
        let subject = self.chat_vapid_subject.as_deref().map(str::trim);
        let subject = subject.filter(|subject| !subject.is_empty());
        if let Some(subject) = subject
            && !(subject.starts_with("mailto:") || subject.starts_with("https://"))
        {
            let problem = "must begin with mailto: or https://";
            return Err(ConfigError::new(env::CHAT_VAPID_SUBJECT, problem));
        }
        Vapid::new(key, subject).map(Some).ok_or_else(|| {
            let problem = "is not a P-256 private key: 32 bytes in base64url without padding";
            ConfigError::new(env::CHAT_VAPID_PRIVATE_KEY, problem)
        })
    }
}

impl Vapid {
    /// A private key in base64url; `None` if it is none.
    pub fn new(private_key: &str, subject: Option<&str>) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD
            .decode(private_key.trim_end_matches('='))
            .ok()?;
        let key = SecretKey::from_slice(&bytes)
            .ok()
            .filter(|_| bytes.len() == 32)?;
        Some(Self {
            public: URL_SAFE_NO_PAD.encode(point(&key.public_key())),
            key: SigningKey::from(key),
            subject: subject.map(ToOwned::to_owned),
        })
    }

    /// The public key in base64url, which browsers subscribe with.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The `Authorization` header for a push service, `https://host[:port]`.
    pub fn authorization(&self, audience: &str, now: Timestamp) -> String {
        let mut claims = json!({"aud": audience, "exp": (now + PROOF_LASTS).unix_seconds()});
        if let Some(subject) = &self.subject {
            claims["sub"] = json!(subject);
        }
        let header = json!({"typ": "JWT", "alg": "ES256"});
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.public)
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;

    use super::*;

    const KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";

    fn resolve(key: &str, subject: Option<&str>) -> Result<Option<Vapid>, ConfigError> {
        VapidArgs {
            chat_vapid_private_key: Some(key.into()),
            chat_vapid_subject: subject.map(ToOwned::to_owned),
        }
        .resolve()
    }

    #[test]
    fn a_proof_is_signed_for_one_service_and_half_a_day() {
        let vapid = resolve(KEY, Some("mailto:ops@example.org"))
            .unwrap()
            .unwrap();
        let now = Timestamp::from_unix_millis(1_771_070_400_000).unwrap();
        let header = vapid.authorization("https://push.example.org", now);
        let (token, key) = header
            .strip_prefix("vapid t=")
            .unwrap()
            .split_once(", k=")
            .unwrap();
        assert_eq!(key, vapid.public_key());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = VerifyingKey::from_sec1_bytes(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD
            .decode(signed.split_once('.').unwrap().1)
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({"aud": "https://push.example.org", "exp": 1_771_113_600, "sub": "mailto:ops@example.org"})
        );
    }

    #[test]
    fn a_wrong_key_is_named_and_not_shown() {
        assert!(resolve("", None).unwrap().is_none());
        for wrong in ["secret", &KEY[1..], &"A".repeat(43), &"_".repeat(43)] {
            let shown = resolve(wrong, None).unwrap_err().to_string();
            assert!(
                shown.starts_with("CHAT_VAPID_PRIVATE_KEY is not"),
                "{shown}"
            );
            assert!(!shown.contains(wrong), "{shown}");
        }
        assert!(resolve(KEY, Some("ops@example.org")).is_err());
        let shown = format!("{:?}", resolve(KEY, None).unwrap());
        assert!(!shown.contains(KEY), "{shown}");
    }
}

//! Signatures of jobs: HMAC-SHA256 with keys that can be rotated.
//!
//! Whoever can publish to the broker can't thereby forge a user's act. Each signature names its key, so that old jobs
//! stay valid while a new key already signs.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Shortest secret of a key in bytes.
const MIN_SECRET_BYTES: usize = 16;

/// The keys of job signatures: the first signs, all verify.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: SecretString,
}

/// A signature and the id of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Id of the key.
    pub key_id: String,
    /// Lower-case hex of the HMAC.
    pub hex: String,
}

/// Why a list of keys can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// There is no key at all.
    #[error("no key given; write kid:secret[,kid:secret]")]
    Empty,
    /// An entry has no `kid:` before its secret.
    #[error("entry {0} has no key id; write kid:secret[,kid:secret]")]
    NoKeyId(usize),
    /// An entry's secret is too short to be safe.
    #[error("the secret of key {0:?} is shorter than {MIN_SECRET_BYTES} bytes")]
    ShortSecret(String),
    /// Two entries have the same id.
    #[error("key id {0:?} is given twice")]
    Repeated(String),
}

/// Why a job is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key is not (or no longer) in the ring.
    #[error("unknown signing key {0:?}")]
    UnknownKey(String),
    /// The signature does not belong to these bytes.
    #[error("the signature does not match the body")]
    Mismatch,
}

impl KeyRing {
    /// Parses `kid:secret[,kid:secret]`.
    ///
    /// # Errors
    /// [`KeyRingError`] says which entry is wrong; it never holds a secret.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<Key> = Vec::new();
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let (id, secret) = entry
                .split_once(':')
                .filter(|(id, _)| !id.is_empty())
                .ok_or(KeyRingError::NoKeyId(index + 1))?;
            if secret.len() < MIN_SECRET_BYTES {
                return Err(KeyRingError::ShortSecret(id.to_owned()));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyRingError::Repeated(id.to_owned()));
            }
            keys.push(Key {
                id: id.to_owned(),
                secret: SecretString::from(secret),
            });
        }
        if keys.is_empty() {
            return Err(KeyRingError::Empty);
        }
        Ok(Self { keys })
    }

    /// Signs `body` with the first key.
    pub fn sign(&self, body: &[u8]) -> Signature {
        let key = &self.keys[0];
        Signature {
            key_id: key.id.clone(),
            hex: hex::encode(key.mac(body).finalize().into_bytes()),
        }
    }

    /// Checks in constant time that the key named `key_id` made `signature_hex` over `body`.
    ///
    /// # Errors
    /// [`SignatureError`] if the key is unknown or the signature is another's.
    pub fn verify(
        &self,
        body: &[u8],
        key_id: &str,
        signature_hex: &str,
    ) -> Result<(), SignatureError> {
        let key = self
            .keys
            .iter()
            .find(|key| key.id == key_id)
            .ok_or_else(|| SignatureError::UnknownKey(key_id.chars().take(64).collect()))?;
        let signature = hex::decode(signature_hex).map_err(|_| SignatureError::Mismatch)?;
        key.mac(body)
            .verify_slice(&signature)
            .map_err(|_| SignatureError::Mismatch)
    }
}

impl Key {
    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(body);
        mac
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "2025:0123456789abcdef0123456789abcdef";
    const BOTH: &str =
        "2026:fedcba9876543210fedcba9876543210,2025:0123456789abcdef0123456789abcdef";

    #[test]
    fn a_job_signed_by_the_old_key_is_valid_during_a_rotation() {
        let signature = KeyRing::parse(OLD).unwrap().sign(b"job");
        let ring = KeyRing::parse(BOTH).unwrap();
        assert_eq!(
            ring.verify(b"job", &signature.key_id, &signature.hex),
            Ok(())
        );
        assert_eq!(ring.sign(b"job").key_id, "2026");
    }

    #[test]
    fn a_changed_body_a_foreign_key_and_junk_are_refused() {
        let ring = KeyRing::parse(BOTH).unwrap();
        let signature = ring.sign(b"job");
        assert_eq!(
            ring.verify(b"jab", &signature.key_id, &signature.hex),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            ring.verify(b"job", "2025", &signature.hex),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            ring.verify(b"job", "2026", "zz"),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            ring.verify(b"job", "2024", &signature.hex),
            Err(SignatureError::UnknownKey("2024".into()))
        );
    }

    #[test]
    fn a_bad_key_list_is_refused_without_showing_a_secret() {
        for (text, error) in [
            ("", KeyRingError::Empty),
            ("0123456789abcdef0123456789abcdef", KeyRingError::NoKeyId(1)),
            ("k:short", KeyRingError::ShortSecret("k".into())),
            (
                "k:0123456789abcdef,k:0123456789abcdef",
                KeyRingError::Repeated("k".into()),
            ),
        ] {
            assert_eq!(KeyRing::parse(text).unwrap_err(), error);
        }
        let shown = format!("{:?}", KeyRing::parse(BOTH).unwrap());
        assert_eq!(shown, r#"["2026", "2025"]"#);
    }
}

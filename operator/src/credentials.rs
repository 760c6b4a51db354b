//! The generated credentials of one ChatCluster.
//!
//! They are made once and kept: what is in the Secret is always taken over, and only what is missing is generated. URLs
//! are derived from the passwords on every run, so that changing a password (or deleting the whole Secret) is a rotation.
//! Values never leave this module but into the Secret itself: [`Credentials`] prints nothing.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

/// Key that signs access tokens.
pub const JWT_ACCESS_KEY: &str = "jwt-access-key";
/// Keys that sign jobs, `kid:secret[,kid:secret]`.
pub const JOB_HMAC_KEYS: &str = "job-hmac-keys";
/// Private key of Web Push, in base64url.
pub const VAPID_PRIVATE_KEY: &str = "vapid-private-key";
/// Password of the application's database role.
pub const POSTGRES_PASSWORD: &str = "postgres-password";
/// URL of the managed database.
pub const DATABASE_URL: &str = "database-url";
/// Password of the application's broker user.
pub const RABBITMQ_PASSWORD: &str = "rabbitmq-password";
/// Secret that broker nodes share.
pub const RABBITMQ_ERLANG_COOKIE: &str = "rabbitmq-erlang-cookie";
/// URL of the managed broker.
pub const RABBITMQ_URL: &str = "rabbitmq-url";
/// Password of the managed Redis.
pub const REDIS_PASSWORD: &str = "redis-password";
/// URL of the managed Redis.
pub const REDIS_URL: &str = "redis-url";

/// Name of the application's role, user and database in the managed backends.
pub const APPLICATION_USER: &str = "chat";

/// Names of the Services of the managed backends, from which URLs are made.
#[derive(Debug, Clone, Copy)]
pub struct BackendHosts<'a> {
    /// Host of Postgres.
    pub postgres: &'a str,
    /// Host of RabbitMQ.
    pub rabbitmq: &'a str,
    /// Host of Redis.
    pub redis: &'a str,
}

/// All values of the Secret. `Debug` shows the keys only.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, Vec<u8>>);

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Credentials {
    /// Completes what the Secret holds; `generate` makes a random text of letters and digits of the given length.
    #[must_use]
    pub fn complete(
        existing: &BTreeMap<String, Vec<u8>>,
        hosts: BackendHosts<'_>,
        mut generate: impl FnMut(usize) -> String,
    ) -> Self {
        let mut values = existing.clone();
        let mut secret = |key: &str, length: usize, prefix: &str| -> String {
            let value = values
                .entry(key.to_owned())
                .or_insert_with(|| format!("{prefix}{}", generate(length)).into_bytes());
            String::from_utf8_lossy(value).trim().to_owned()
        };
        secret(JWT_ACCESS_KEY, 64, "");
        secret(JOB_HMAC_KEYS, 64, "k1:");
        secret(RABBITMQ_ERLANG_COOKIE, 48, "");
        let postgres = secret(POSTGRES_PASSWORD, 32, "");
        let rabbitmq = secret(RABBITMQ_PASSWORD, 32, "");
        let redis = secret(REDIS_PASSWORD, 32, "");
        // Letters and digits are base64url too: 43 of them are 32 bytes, and with an `A` before and an `A` behind a number
        // that is a valid P-256 key, of some 240 random bits.
        values
            .entry(VAPID_PRIVATE_KEY.to_owned())
            .or_insert_with(|| format!("A{}A", generate(41)).into_bytes());
        let user = APPLICATION_USER;
        let derived = [
            (
                DATABASE_URL,
                format!(
                    "postgres://{user}:{}@{}:5432/{user}",
                    percent_encode(&postgres),
                    hosts.postgres
                ),
            ),
            (
                RABBITMQ_URL,
                format!(
                    "amqp://{user}:{}@{}:5672/%2f",
                    percent_encode(&rabbitmq),
                    hosts.rabbitmq
                ),
            ),
            (
                REDIS_URL,
                format!("redis://:{}@{}:6379/0", percent_encode(&redis), hosts.redis),
            ),
        ];
        for (key, url) in derived {
            values.insert(key.to_owned(), url.into_bytes());
        }
        Self(values)
    }

    /// Every key with its value, for the Secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// A short fingerprint of some of the values. It goes into pod annotations, so that pods are rolled when a value that
    /// they use changes; eight bytes of a hash of 190 random bits tell nothing about them.
    #[must_use]
    pub fn fingerprint(&self, keys: &[&str]) -> String {
        let mut hash = Sha256::new();
        for key in keys {
            hash.update(key.as_bytes());
            hash.update([0]);
            hash.update(self.0.get(*key).map_or(&[][..], Vec::as_slice));
            hash.update([0]);
        }
        hex::encode(&hash.finalize()[..8])
    }
}

/// Someone may have set a password with characters that mean something in a URL.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: BackendHosts<'static> = BackendHosts {
        postgres: "demo-postgres",
        rabbitmq: "demo-rabbitmq",
        redis: "demo-redis",
    };

    fn text(credentials: &Credentials, key: &str) -> String {
        String::from_utf8(credentials.0[key].clone()).unwrap()
    }

    #[test]
    fn what_exists_is_kept_and_what_is_missing_is_made() {
        let existing = BTreeMap::from([(POSTGRES_PASSWORD.to_owned(), b"kept".to_vec())]);
        let credentials = Credentials::complete(&existing, HOSTS, |length| "x".repeat(length));
        assert_eq!(text(&credentials, POSTGRES_PASSWORD), "kept");
        assert_eq!(text(&credentials, RABBITMQ_PASSWORD), "x".repeat(32));
        assert_eq!(
            text(&credentials, DATABASE_URL),
            "postgres://chat:kept@demo-postgres:5432/chat"
        );
    }

    #[test]
    fn completing_twice_changes_nothing() {
        let once = Credentials::complete(&BTreeMap::new(), HOSTS, |length| "x".repeat(length));
        let twice = Credentials::complete(&once.0, HOSTS, |_| unreachable!("everything exists"));
        assert_eq!(once, twice);
    }

    #[test]
    fn a_changed_password_changes_its_url_and_its_fingerprint_only() {
        let mut existing =
            Credentials::complete(&BTreeMap::new(), HOSTS, |length| "x".repeat(length)).0;
        let before = Credentials(existing.clone());
        existing.insert(POSTGRES_PASSWORD.to_owned(), b"p/w".to_vec());
        let after = Credentials::complete(&existing, HOSTS, |_| unreachable!("everything exists"));
        assert!(text(&after, DATABASE_URL).contains("p%2Fw@"));
        assert_ne!(
            before.fingerprint(&[DATABASE_URL]),
            after.fingerprint(&[DATABASE_URL])
        );
        assert_eq!(
            before.fingerprint(&[REDIS_URL]),
            after.fingerprint(&[REDIS_URL])
        );
    }

    #[test]
    fn debug_shows_no_value() {
        let credentials =
            Credentials::complete(&BTreeMap::new(), HOSTS, |length| "s3cret".repeat(length));
        assert!(!format!("{credentials:?}").contains("s3cret"));
    }
}

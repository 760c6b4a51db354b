//! Passwords: argon2id, on as many threads as there are cores and no more, so that logins never starve sockets.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AuthError;

/// How long a login waits for its turn before it is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Reads a password out of a body, for `#[serde(deserialize_with = …)]`.
pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<SecretString, D::Error> {
    <String as serde::Deserialize>::deserialize(deserializer).map(SecretString::from)
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// Verified against when the account does not exist: the answer takes as long as a wrong password's.
    nobody: Arc<str>,
}

impl Passwords {
    /// Prepares the hash that unknown accounts are checked against.
    pub(crate) async fn new() -> Result<Self, AuthError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut passwords = Self {
            turns: Arc::new(Semaphore::new(cores)),
            nobody: "".into(),
        };
        passwords.nobody = passwords
            .hash(uuid::Uuid::new_v4().to_string().into())
            .await?
            .into();
        Ok(passwords)
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, AuthError> {
        let turn = self.turn().await?;
        tokio::task::spawn_blocking(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            drop(turn);
            hash.map(|hash| hash.to_string())
        })
        .await
        .map_err(|error| AuthError::unavailable(&error))?
        .map_err(|error| AuthError::unavailable(&error))
    }

    /// Whether `password` belongs to `hash`; without a hash the same work is done and the answer is no.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, AuthError> {
        let turn = self.turn().await?;
        let nobody = Arc::clone(&self.nobody);
        tokio::task::spawn_blocking(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&nobody);
            let matches = PasswordHash::new(hash).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.expose_secret().as_bytes(), &hash)
                    .is_ok()
            });
            drop(turn);
            known && matches
        })
        .await
        .map_err(|error| AuthError::unavailable(&error))
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, AuthError> {
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.turns).acquire_owned());
        turn.await
            .map_err(|error| AuthError::unavailable(&error))?
            .map_err(|error| AuthError::unavailable(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_account_matches() {
        let passwords = Passwords::new().await.unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("wrong horse".into(), Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct horse".into(), None)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("x".into(), Some("not a hash".into()))
                .await
                .unwrap()
        );
    }
}

//! The keys that sign jobs.

use chat_core::env;
use chat_core::signing::KeyRing;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::ConfigError;

/// The keys that sign jobs, as they are given.
#[derive(Debug, Clone, Default, Args)]
pub struct JobKeyArgs {
    /// Keys of the job signatures, `kid:secret[,kid:secret]`: the first signs, all verify. Required.
    #[arg(long, env = env::CHAT_JOB_HMAC_KEYS, hide_env_values = true)]
    pub chat_job_hmac_keys: Option<SecretString>,
}

impl JobKeyArgs {
    /// Checks the keys.
    ///
    /// # Errors
    /// [`ConfigError`] if there is none or one is malformed.
    pub fn resolve(&self) -> Result<KeyRing, ConfigError> {
        let keys = self
            .chat_job_hmac_keys
            .as_ref()
            .map(ExposeSecret::expose_secret)
            .filter(|keys| !keys.trim().is_empty())
            .ok_or_else(|| {
                ConfigError::new(
                    env::CHAT_JOB_HMAC_KEYS,
                    "is not set; set it to kid:secret with a secret of at least 16 bytes, the same for every gateway and processor",
                )
            })?;
        KeyRing::parse(keys)
            .map_err(|error| ConfigError::new(env::CHAT_JOB_HMAC_KEYS, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(keys: Option<&str>) -> Result<KeyRing, String> {
        JobKeyArgs {
            chat_job_hmac_keys: keys.map(SecretString::from),
        }
        .resolve()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn missing_and_malformed_keys_are_named_and_no_secret_is_shown() {
        for keys in [None, Some(""), Some("  ")] {
            let error = resolve(keys).unwrap_err();
            assert!(
                error.starts_with("CHAT_JOB_HMAC_KEYS is not set; set it to"),
                "{error}"
            );
        }
        let error = resolve(Some("k1:tooshort")).unwrap_err();
        assert!(
            error.starts_with("CHAT_JOB_HMAC_KEYS the secret of key \"k1\""),
            "{error}"
        );
        assert!(!error.contains("tooshort"), "{error}");
        assert!(resolve(Some("k1:0123456789abcdef")).is_ok());
    }
}

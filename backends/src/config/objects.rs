//! Where uploaded files and exports lie: a directory that all pods share, or a bucket in a store that speaks S3.

use std::path::PathBuf;

use chat_core::env;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, given};

/// Where files lie, as it is given.
#[derive(Debug, Clone, Default, Args)]
pub struct ObjectArgs {
    /// Directory of uploaded files and exports, the same for every gateway and processor; ./files by default. With an S3
    /// bucket only uploads on their way lie there.
    #[arg(long, env = env::CHAT_FILES_DIR)]
    pub chat_files_dir: Option<PathBuf>,
    /// Bucket of uploaded files and exports; without one they lie in the directory.
    #[arg(long, env = env::CHAT_S3_BUCKET)]
    pub chat_s3_bucket: Option<String>,
    /// URL of the S3 store, for example https://s3.eu-west-1.amazonaws.com. Required with a bucket.
    #[arg(long, env = env::CHAT_S3_ENDPOINT)]
    pub chat_s3_endpoint: Option<String>,
    /// Region of the S3 store; us-east-1 by default.
    #[arg(long, env = env::CHAT_S3_REGION)]
    pub chat_s3_region: Option<String>,
    /// Id of the access key of the S3 store. Required with a bucket.
    #[arg(long, env = env::CHAT_S3_ACCESS_KEY_ID)]
    pub chat_s3_access_key_id: Option<String>,
    /// Secret of the access key of the S3 store. Required with a bucket.
    #[arg(long, env = env::CHAT_S3_SECRET_ACCESS_KEY, hide_env_values = true)]
    pub chat_s3_secret_access_key: Option<SecretString>,
}

/// Where files lie, checked.
#[derive(Debug, Clone)]
pub struct ObjectConfig {
    /// Directory of the files, or of those on their way to the bucket.
    pub directory: PathBuf,
    /// The bucket, if they lie in one.
    pub s3: Option<S3Config>,
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// URL of the store.
    pub endpoint: reqwest::Url,
    /// Name of the bucket.
    pub bucket: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: SecretString,
}

impl ObjectArgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is missing or wrong.
    pub fn resolve(&self) -> Result<ObjectConfig, ConfigError> {
        let directory = self
            .chat_files_dir
            .clone()
            .filter(|directory| !directory.as_os_str().is_empty())
            .unwrap_or_else(|| PathBuf::from("./files"));
        let s3 = given(self.chat_s3_bucket.as_ref())
            .map(|bucket| self.s3(bucket))
            .transpose()?;
        Ok(ObjectConfig { directory, s3 })
    }

    fn s3(&self, bucket: &str) -> Result<S3Config, ConfigError> {
        let missing = |variable| {
            let problem = format!("is not set although {} is", env::CHAT_S3_BUCKET);
            ConfigError::new(variable, problem)
        };
        let endpoint =
            given(self.chat_s3_endpoint.as_ref()).ok_or_else(|| missing(env::CHAT_S3_ENDPOINT))?;
        let endpoint = reqwest::Url::parse(endpoint)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let problem = format!("is {endpoint:?}; write http://host:port or https://host");
                ConfigError::new(env::CHAT_S3_ENDPOINT, problem)
            })?;
        let access_key_id = given(self.chat_s3_access_key_id.as_ref())
            .ok_or_else(|| missing(env::CHAT_S3_ACCESS_KEY_ID))?;
        let secret_access_key = self
            .chat_s3_secret_access_key
            .clone()
            .filter(|secret| !secret.expose_secret().trim().is_empty())
            .ok_or_else(|| missing(env::CHAT_S3_SECRET_ACCESS_KEY))?;
        Ok(S3Config {
            endpoint,
            bucket: bucket.to_owned(),
            region: given(self.chat_s3_region.as_ref())
                .unwrap_or("us-east-1")
                .to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_needs_its_store_and_its_key() {
        let mut args = ObjectArgs::default();
        assert!(args.resolve().unwrap().s3.is_none());
        args.chat_s3_bucket = Some("files".into());
        let problem = |args: &ObjectArgs| args.resolve().unwrap_err().to_string();
        assert_eq!(
            problem(&args),
            "CHAT_S3_ENDPOINT is not set although CHAT_S3_BUCKET is"
        );
        args.chat_s3_endpoint = Some("minio:9000".into());
        assert!(problem(&args).starts_with("CHAT_S3_ENDPOINT is \"minio:9000\""));
        args.chat_s3_endpoint = Some("http://minio:9000".into());
        assert!(problem(&args).starts_with("CHAT_S3_ACCESS_KEY_ID is not set"));
        args.chat_s3_access_key_id = Some("id".into());
        args.chat_s3_secret_access_key = Some("hunter22".into());
        let shown = format!("{:?}", args.resolve().unwrap());
        assert!(!shown.contains("hunter22"), "{shown}");
    }
}

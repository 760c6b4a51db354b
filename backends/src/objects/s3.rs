//! Objects in a bucket of a store that speaks S3. Requests carry their signature in their URL, so URLs are never logged.

use std::io;
use std::ops::Range;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use reqwest::{Body, Client, StatusCode, header};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use secrecy::ExposeSecret;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{Content, ObjectError, ObjectName, Scratch};
use crate::config::S3Config;
use crate::tls;

/// How long a signature is good for: a request that has not begun by then has failed anyway.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the store may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct S3 {
    bucket: Bucket,
    credentials: Credentials,
    client: Client,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket.name())
            .finish_non_exhaustive()
    }
}

impl S3 {
    pub(super) fn new(config: &S3Config) -> Result<Self, ObjectError> {
        let unusable = |error: &dyn std::fmt::Display| ObjectError::Unusable(error.to_string());
        // Every store knows the bucket as a part of the path; as a part of the host only some do.
        let bucket = Bucket::new(
            config.endpoint.clone(),
            UrlStyle::Path,
            config.bucket.clone(),
            config.region.clone(),
        )
        .map_err(|error| unusable(&error))?;
        let client = tls::http_client()
            .map_err(|error| unusable(&error))?
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unusable(&error))?;
        Ok(Self {
            bucket,
            credentials: Credentials::new(
                config.access_key_id.clone(),
                config.secret_access_key.expose_secret().to_owned(),
            ),
            client,
        })
    }

    pub(super) async fn put(
        &self,
        name: &ObjectName,
        mut file: Scratch,
    ) -> Result<(), ObjectError> {
        file.sync().await?;
        let url = self
            .bucket
            .put_object(Some(&self.credentials), name.as_str())
            .sign(SIGNED_FOR);
        let body = ReaderStream::new(File::open(file.path()).await?);
        let answer = self
            .client
            .put(url)
            .header(header::CONTENT_LENGTH, file.size())
            .body(Body::wrap_stream(body))
            .send()
            .await;
        accepted(answer).map(|_| ())
    }

    pub(super) async fn get(
        &self,
        name: &ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Option<Content>, ObjectError> {
        let url = self
            .bucket
            .get_object(Some(&self.credentials), name.as_str())
            .sign(SIGNED_FOR);
        let mut request = self.client.get(url);
        if let Some(range) = range {
            let last = range.end.saturating_sub(1);
            request = request.header(header::RANGE, format!("bytes={}-{last}", range.start));
        }
        match accepted(request.send().await) {
            Ok(answer) => Ok(Some(
                answer
                    .bytes_stream()
                    .map_err(|error| io::Error::other(error.without_url()))
                    .boxed(),
            )),
            Err(ObjectError::Status(404)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let url = self
            .bucket
            .delete_object(Some(&self.credentials), name.as_str())
            .sign(SIGNED_FOR);
        match accepted(self.client.delete(url).send().await) {
            Ok(_) | Err(ObjectError::Status(404)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn accepted(answer: reqwest::Result<reqwest::Response>) -> Result<reqwest::Response, ObjectError> {
    let answer = answer.map_err(|error| ObjectError::Unreachable(error.without_url()))?;
    match answer.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NO_CONTENT => Ok(answer),
        status => Err(ObjectError::Status(status.as_u16())),
    }
}

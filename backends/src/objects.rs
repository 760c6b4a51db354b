//! The store of bytes: uploaded files and exports, by name. A directory that every pod mounts, or a bucket.
//!
//! What is stored never changes: it is written once as a whole, read, deleted. Who may do that is decided elsewhere.

mod directory;
mod name;
mod s3;
mod scratch;

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use futures::stream::BoxStream;

pub use self::name::ObjectName;
pub use self::scratch::Scratch;

use self::directory::Directory;
use self::s3::S3;
use crate::config::ObjectConfig;

/// The bytes of an object, or of a part of it.
pub type Content = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// Why the store could not do something; nothing in it names a key or a URL.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The directory did not do it.
    #[error("the directory of files failed: {0}")]
    File(#[from] std::io::Error),
    /// The S3 store did not answer.
    #[error("the S3 store did not answer: {0}")]
    Unreachable(reqwest::Error),
    /// The S3 store answered with an error.
    #[error("the S3 store answered with status {0}")]
    Status(u16),
    /// The settings of the S3 store can't be used.
    #[error("the S3 store can't be used: {0}")]
    Unusable(String),
}

/// The store.
#[derive(Debug)]
pub struct Objects {
    /// Of the files, or of those on their way to the bucket.
    directory: Directory,
    bucket: Option<S3>,
}

impl Objects {
    /// The store of these settings. Nothing is connected to or created yet.
    ///
    /// # Errors
    /// [`ObjectError::Unusable`] if the settings can't work.
    pub fn open(config: &ObjectConfig) -> Result<Self, ObjectError> {
        Ok(Self {
            directory: Directory::new(config.directory.clone()),
            bucket: config.s3.as_ref().map(S3::new).transpose()?,
        })
    }

    /// An empty file to write what is to be stored; it is removed unless it is stored.
    ///
    /// # Errors
    /// If it can't be created.
    pub async fn scratch(&self) -> Result<Scratch, ObjectError> {
        Ok(self.directory.scratch().await?)
    }

    /// Stores what was written. Whoever reads sees all of it or nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn put(&self, name: &ObjectName, file: Scratch) -> Result<(), ObjectError> {
        match &self.bucket {
            Some(bucket) => bucket.put(name, file).await,
            None => Ok(self.directory.put(name, file).await?),
        }
    }

    /// The bytes of an object, or those of `range`, which must lie within it. `None`: there is no such object.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn get(
        &self,
        name: &ObjectName,
        range: Option<Range<u64>>,
    ) -> Result<Option<Content>, ObjectError> {
        match &self.bucket {
            Some(bucket) => bucket.get(name, range).await,
            None => Ok(self.directory.get(name, range).await?),
        }
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        match &self.bucket {
            Some(bucket) => bucket.delete(name).await,
            None => Ok(self.directory.delete(name).await?),
        }
    }

    /// Removes what processes that crashed left half written before `before`.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub async fn sweep(&self, before: SystemTime) -> Result<u64, ObjectError> {
        Ok(self.directory.sweep(before).await?)
    }
}

//! A file on its way into the store.

use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// A file that nobody else sees; dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    file: File,
    size: u64,
    is_kept: bool,
}

impl Scratch {
    pub(super) async fn create(path: PathBuf) -> std::io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .await?;
        Ok(Self {
            path,
            file,
            size: 0,
            is_kept: false,
        })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes).await?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Lets readers by path see what was written.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub async fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().await
    }

    /// How many bytes were written.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where it lies, for what reads or writes files by itself; afterwards [`Self::measure`] must be called.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes in the size of what was written by path.
    ///
    /// # Errors
    /// If the file can't be looked at.
    pub async fn measure(&mut self) -> std::io::Result<()> {
        self.size = tokio::fs::metadata(&self.path).await?.len();
        Ok(())
    }

    /// Brings everything to the disk.
    pub(super) async fn sync(&mut self) -> std::io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await
    }

    /// Moves it to its place.
    pub(super) async fn keep(mut self, place: &Path) -> std::io::Result<()> {
        self.sync().await?;
        tokio::fs::rename(&self.path, place).await?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a half written file was not removed");
        }
    }
}

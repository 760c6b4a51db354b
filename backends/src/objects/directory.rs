//! Objects as files of a directory: one volume that every gateway and processor mounts.

use std::io::{ErrorKind, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::time::SystemTime;

use futures::StreamExt;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{Content, ObjectName, Scratch};

/// Where files on their way in lie: within the volume, because only there a rename is atomic.
const INCOMING: &str = "incoming";

#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) async fn scratch(&self) -> std::io::Result<Scratch> {
        let incoming = self.root.join(INCOMING);
        fs::create_dir_all(&incoming).await?;
        Scratch::create(incoming.join(uuid::Uuid::new_v4().to_string())).await
    }

    pub(super) async fn put(&self, name: &ObjectName, file: Scratch) -> std::io::Result<()> {
        let place = self.place(name);
        let Some(folder) = place.parent() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        fs::create_dir_all(folder).await?;
        file.keep(&place).await?;
        // The rename itself must survive a power cut too.
        File::open(folder).await?.sync_all().await
    }

    pub(super) async fn get(
        &self,
        name: &ObjectName,
        range: Option<Range<u64>>,
    ) -> std::io::Result<Option<Content>> {
        let mut file = match File::open(self.place(name)).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(range) = range else {
            return Ok(Some(ReaderStream::new(file).boxed()));
        };
        file.seek(SeekFrom::Start(range.start)).await?;
        let part = file.take(range.end.saturating_sub(range.start));
        Ok(Some(ReaderStream::new(part).boxed()))
    }

    pub(super) async fn delete(&self, name: &ObjectName) -> std::io::Result<()> {
        match fs::remove_file(self.place(name)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn sweep(&self, before: SystemTime) -> std::io::Result<u64> {
        let mut entries = match fs::read_dir(self.root.join(INCOMING)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut gone = 0;
        while let Some(entry) = entries.next_entry().await? {
            // What another process just stored or removed needs no sweeping.
            let Ok(written) = entry.metadata().await.and_then(|data| data.modified()) else {
                continue;
            };
            if written < before && fs::remove_file(entry.path()).await.is_ok() {
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn place(&self, name: &ObjectName) -> PathBuf {
        self.root.join(name.as_str())
    }
}

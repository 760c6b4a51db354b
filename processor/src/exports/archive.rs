//! Writing a zip piece by piece. The format's library blocks, so it has a thread of its own behind a short queue.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::failure::Failure;

/// Pieces that may wait for the disk.
const QUEUE: usize = 16;

enum Piece {
    /// A new entry; whether its bytes are worth compressing.
    Entry(String, bool),
    Bytes(Bytes),
}

/// An archive that is being written.
pub(super) struct Archive {
    pieces: mpsc::Sender<Piece>,
    writing: JoinHandle<Result<(), zip::result::ZipError>>,
}

impl Archive {
    pub(super) fn create(path: PathBuf) -> Self {
        let (pieces, queue) = mpsc::channel(QUEUE);
        let writing = tokio::task::spawn_blocking(move || write(path, queue));
        Self { pieces, writing }
    }

    /// Begins an entry.
    pub(super) async fn entry(
        &self,
        name: impl Into<String>,
        compress: bool,
    ) -> Result<(), Failure> {
        self.send(Piece::Entry(name.into(), compress)).await
    }

    /// Adds to the entry that was begun last.
    pub(super) async fn bytes(&self, bytes: Bytes) -> Result<(), Failure> {
        self.send(Piece::Bytes(bytes)).await
    }

    /// Adds a value and a line's end to the entry that was begun last.
    pub(super) async fn line<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(|error| Failure::Job(error.into()))?;
        line.push(b'\n');
        self.bytes(line.into()).await
    }

    /// An entry that is one JSON value.
    pub(super) async fn json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(value).map_err(|error| Failure::Job(error.into()))?;
        self.entry(name, true).await?;
        self.bytes(text.into()).await
    }

    /// Ends the archive.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.pieces);
        match self.writing.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Unavailable(error.into())),
            Err(error) => Err(Failure::Job(error.into())),
        }
    }

    async fn send(&self, piece: Piece) -> Result<(), Failure> {
        // A writer that is gone has failed: a full disk, most likely.
        self.pieces
            .send(piece)
            .await
            .map_err(|_| Failure::Unavailable("the archive could not be written".into()))
    }
}

fn write(path: PathBuf, mut queue: mpsc::Receiver<Piece>) -> Result<(), zip::result::ZipError> {
    let file = File::options().write(true).open(path)?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    while let Some(piece) = queue.blocking_recv() {
        match piece {
            Piece::Entry(name, compress) => {
                let method = if compress {
                    CompressionMethod::Deflated
                } else {
                    CompressionMethod::Stored
                };
                let options = SimpleFileOptions::default()
                    .compression_method(method)
                    .large_file(true);
                zip.start_file(name, options)?;
            }
            Piece::Bytes(bytes) => zip.write_all(&bytes)?,
        }
    }
    zip.finish()?.flush()?;
    Ok(())
}

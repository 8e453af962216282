//! `PictureFiles`: the bytes of pictures, a file each. A file is whole and on the disk before the store names it.
use std::io;
use std::path::{Path, PathBuf};

use mig33_picture::{Inspector, Kind, PictureError};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::Places;
use crate::passwords::sync_folder;

/// What a file that is being written ends with.
const UNFINISHED: &str = ".part";

/// The folder of pictures.
#[derive(Debug)]
pub(crate) struct PictureFiles {
    folder: PathBuf,
    /// How many bytes a picture may have.
    most: usize,
    /// Uploads that are under way.
    pub(crate) places: Places,
}

/// Why a picture was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It has more bytes than a picture may have.
    #[error("A picture has at most {most} bytes.")]
    TooLarge {
        /// How many.
        most: usize,
    },
    /// It is no picture of a kind that is taken, or one of too many pixels.
    #[error("The picture is refused: {0}.")]
    Unfit(#[from] PictureError),
    /// The disk did not take it.
    #[error("the picture could not be written: {0}")]
    Io(#[from] io::Error),
}

/// A picture that is being written. Unless it is finished, nothing of it stays.
#[derive(Debug)]
pub(crate) struct Writing {
    file: File,
    unfinished: Unfinished,
    inspector: Inspector,
    length: u64,
    most: usize,
}

impl PictureFiles {
    /// Pictures in this folder, of at most so many bytes; so many uploads at a time.
    pub(crate) const fn new(folder: PathBuf, most: usize, places: Places) -> Self {
        Self { folder, most, places }
    }

    /// Removes what a stop at a bad moment has left unfinished. A finished file that this store does not name stays: it
    /// may be another database's, one that is put back from a copy.
    pub(crate) async fn clean_up(&self) -> io::Result<()> {
        let mut entries = fs::read_dir(&self.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.strip_suffix(UNFINISHED).is_some_and(is_file_name) {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(())
    }

    /// Begins a picture; `name` is random.
    pub(crate) async fn begin(&self, name: &str) -> io::Result<Writing> {
        let finished = self.folder.join(name);
        let path = self.folder.join(format!("{name}{UNFINISHED}"));
        let file = File::create_new(&path).await?;
        let unfinished = Unfinished { path, finished: finished.clone() };
        let inspector = Inspector::new();
        Ok(Writing { file, unfinished, inspector, length: 0, most: self.most })
    }

    /// Opens a picture to be read.
    pub(crate) async fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.folder.join(name)).await
    }

    /// Removes a picture that the store did not take.
    pub(crate) async fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.folder.join(name)).await {
            tracing::warn!(%error, "a picture that is of no use stays");
        }
    }
}

impl Writing {
    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.length += bytes.len() as u64;
        if self.length > self.most as u64 {
            return Err(FileError::TooLarge { most: self.most });
        }
        self.inspector.update(bytes)?;
        Ok(self.file.write_all(bytes).await?)
    }

    /// Puts the file in its place, and returns once the disk has it: what kind it is, and how many bytes it has.
    pub(crate) async fn finish(mut self) -> Result<(Kind, u64), FileError> {
        let kind = self.inspector.finish()?.kind;
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.unfinished.path, &self.unfinished.finished).await?;
        let finished = self.unfinished.finished.clone();
        tokio::task::spawn_blocking(move || sync_folder(&finished))
            .await
            .map_err(io::Error::other)??;
        Ok((kind, self.length))
    }
}

/// The file of a picture that is not finished; removed when this goes, unless it has been renamed.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    finished: PathBuf,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "an unfinished picture stays until the next start");
        }
    }
}

/// Whether we would have given a file this name: nothing else in the folder is touched.
fn is_file_name(name: &str) -> bool {
    name.len() == super::TOKEN_LEN
        && Path::new(name).extension().is_none()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

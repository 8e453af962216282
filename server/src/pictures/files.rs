//! `PictureFiles`: the bytes of pictures, a file each. A file is whole and on the disk before the store names it, and is
//! removed unless it comes to that: whatever becomes of the request that brought it.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mig33_picture::{Inspector, Kind, PictureError};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::Places;
use crate::clock::Millis;
use crate::passwords::sync_folder;
use crate::store::NamedFiles;

/// What a file that is being written ends with.
const UNFINISHED: &str = ".part";
/// How far the disk's clock may be from the one that upload addresses are dated by.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

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
    unnamed: Unnamed,
    name: String,
    finished: PathBuf,
    inspector: Inspector,
    length: u64,
    most: usize,
}

/// A picture that is whole and on the disk, for the store to name.
#[derive(Debug)]
pub(crate) struct Written {
    /// The file's name.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    pub(crate) unnamed: Unnamed,
}

impl PictureFiles {
    /// Pictures in this folder, of at most so many bytes; so many uploads at a time.
    pub(crate) const fn new(folder: PathBuf, most: usize, places: Places) -> Self {
        Self { folder, most, places }
    }

    /// Removes what a stop at a bad moment has left: what is unfinished, and finished files that the store does not name.
    /// `upload_time` is how long after its address was made an upload may end. A file from before this database or after its
    /// last upload may be another database's, one that was moved away or is put back from a copy: it stays, and the log says
    /// so, as it says which files are missing.
    pub(crate) async fn clean_up(
        &self,
        named: NamedFiles,
        upload_time: Duration,
    ) -> io::Result<()> {
        let folder = self.folder.clone();
        blocking(move || clean_up(&folder, named, upload_time)).await
    }

    /// Whether this is a picture that can be taken.
    pub(crate) fn check(&self, content: &[u8]) -> Result<(), FileError> {
        if content.len() > self.most {
            return Err(FileError::TooLarge { most: self.most });
        }
        mig33_picture::check(content)?;
        Ok(())
    }

    /// Begins a picture; `name` is random.
    pub(crate) async fn begin(&self, name: &str) -> io::Result<Writing> {
        let finished = self.folder.join(name);
        let path = self.folder.join(format!("{name}{UNFINISHED}"));
        let (file, unnamed) = blocking(move || {
            let file = fs::File::create_new(&path)?;
            Ok((file, Unnamed { path, is_kept: AtomicBool::new(false) }))
        })
        .await?;
        Ok(Writing {
            file: file.into(),
            unnamed,
            name: name.to_owned(),
            finished,
            inspector: Inspector::new(),
            length: 0,
            most: self.most,
        })
    }

    /// Opens a picture to be read.
    pub(crate) async fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.folder.join(name)).await
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

    /// Puts the file in its place, and returns once the disk has it.
    pub(crate) async fn finish(mut self) -> Result<Written, FileError> {
        let kind = self.inspector.finish()?.kind;
        self.file.flush().await?;
        let file = self.file.into_std().await;
        let Self { mut unnamed, name, finished, length: bytes, .. } = self;
        // in one piece that goes on to its end, with what removes the file, when nobody waits for it any more
        let unnamed = blocking(move || {
            file.sync_all()?;
            fs::rename(&unnamed.path, &finished)?;
            unnamed.path = finished;
            sync_folder(&unnamed.path)?;
            Ok(unnamed)
        })
        .await?;
        Ok(Written { name, kind, bytes, unnamed })
    }
}

/// A picture's file that the store does not name: removed when this goes, unless it is kept.
#[derive(Debug)]
pub(crate) struct Unnamed {
    path: PathBuf,
    is_kept: AtomicBool,
}

impl Unnamed {
    /// The store names the file, or may do so at the next start.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if !*self.is_kept.get_mut()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, "a picture that is of no use stays until the next start");
        }
    }
}

/// Does what may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// See [`PictureFiles::clean_up`].
fn clean_up(folder: &Path, mut named: NamedFiles, upload_time: Duration) -> io::Result<()> {
    let (mut removed, mut others) = (0_u32, 0_u32);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_unfinished = name.strip_suffix(UNFINISHED).is_some_and(is_file_name);
        if !is_unfinished {
            if named.names.remove(&name) || !is_file_name(&name) {
                continue;
            }
            let made = entry.metadata()?.modified()?;
            if !can_be_from(&named, upload_time, made) {
                others += 1;
                continue;
            }
        }
        match fs::remove_file(entry.path()) {
            Ok(()) => removed += 1,
            Err(error) => tracing::warn!(%error, file = name, "a picture of no use stays"),
        }
    }
    if removed > 0 {
        tracing::info!(removed, "pictures whose upload was cut short by a stop were removed");
    }
    if others > 0 {
        tracing::warn!(
            files = others,
            folder = %folder.display(),
            "pictures that this database does not name, and that were not made for it, stay"
        );
    }
    if let Some(file) = named.names.iter().next() {
        tracing::error!(
            missing = named.names.len(),
            file,
            folder = %folder.display(),
            "files of pictures are missing, one of them is `file`: put them back from a backup"
        );
    }
    Ok(())
}

/// Whether a file of this time may be what is left of an upload to this database.
fn can_be_from(named: &NamedFiles, upload_time: Duration, made: SystemTime) -> bool {
    let time = |millis: Millis| UNIX_EPOCH + Duration::from_millis(millis.0);
    let (Some(first), Some(last)) = (named.created, named.last_upload) else { return false };
    time(first) <= made && made <= time(last) + upload_time + CLOCKS_DIFFER
}

/// Whether we would have given a file this name: nothing else in the folder is touched.
pub(crate) fn is_file_name(name: &str) -> bool {
    name.len() == super::TOKEN_LEN && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

//! The two commands, for the programs that have the service inside.
use std::fmt::Write;
use std::path::PathBuf;

use super::{BackupError, Made, Place, RestoreError, Restored, backup, restore};
use crate::settings::Settings;

/// What can be done to the service's data as a whole.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum BackupCommand {
    /// Write database and pictures into one archive (tar), also while the service runs
    Backup {
        /// The archive; `-` is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Put the key file in as well: who has the archive can then read every password
        #[arg(long)]
        with_key: bool,
    },
    /// Put a backup in place while the service is stopped
    Restore {
        /// The archive; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Move what is there aside, into a folder `before-TIME`
        #[arg(long)]
        replace: bool,
    },
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No backup was made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// No backup was put in place.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl BackupCommand {
    /// Does it; what there is to say of it, for standard error.
    ///
    /// # Errors
    /// [`CommandError`], whose text says what to do.
    pub async fn run(self, settings: &Settings) -> Result<String, CommandError> {
        match self {
            Self::Backup { file, with_key } => {
                let made = backup(settings, &file.clone().into(), with_key).await?;
                Ok(told_of_backup(&Place::from(file), with_key, &made))
            }
            Self::Restore { file, replace } => {
                Ok(told_of_restore(&restore(settings, &file.into(), replace).await?))
            }
        }
    }
}

fn told_of_backup(to: &Place, with_key: bool, made: &Made) -> String {
    let Made { bytes, pictures, missing } = made;
    let place = match to {
        Place::File(path) => path.display().to_string(),
        Place::Standard => "standard output".to_owned(),
    };
    let key = if with_key {
        "with the key: who has it can read every password"
    } else {
        "without the key file, which you need to have elsewhere"
    };
    let mut text = format!("{place}: {bytes} bytes, the database and {pictures} pictures, {key}");
    if let Some(first) = missing.first() {
        let count = missing.len();
        // writing to a String does not fail
        let _ = write!(text, "\n{count} pictures have no file, {first} for one");
    }
    text
}

fn told_of_restore(restored: &Restored) -> String {
    let Restored { made_at, pictures, missing, before } = restored;
    let mut text =
        format!("restored what was kept at {made_at}: the database and {pictures} pictures");
    if *missing > 0 {
        let _ = write!(text, "\n{missing} pictures of the database are not in the backup");
    }
    for folder in before {
        let _ = write!(text, "\nwhat was there is in {}", folder.display());
    }
    text
}

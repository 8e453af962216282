//! `repair-times`: what a clock that was ahead has left in the data, moved back while the service is stopped.
use clap::Subcommand;

use crate::clock::{Clock, Millis, SystemClock};
use crate::service::{StartError, lock_data};
use crate::settings::Settings;
use crate::store::Repaired;
use crate::store::sqlite::SqliteStore;

/// No clock that is right says an earlier time: 2026 in UTC.
const EARLIEST: Millis = Millis(1_767_225_600_000);

/// Commands that put data right.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum RepairCommand {
    /// Move times that lie in the future back, in their order; while the service is stopped
    RepairTimes,
}

/// Why times were not moved.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The data cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is none.
    #[error("there is no database {}: name the data folder with --data-dir", .0.display())]
    None(std::path::PathBuf),
    /// The machine's clock is wrong.
    #[error(
        "the machine's clock is behind: put it right first, or everything would be moved to a time long ago"
    )]
    Clock,
}

impl RepairCommand {
    /// Does it; what was done, for a person.
    ///
    /// # Errors
    /// [`RepairError`], whose text says what to do.
    pub async fn run(self, settings: &Settings) -> Result<String, RepairError> {
        let Self::RepairTimes = self;
        let Repaired { messages, chats, tokens } = repair_times(settings, &SystemClock).await?;
        Ok(format!("moved back: {messages} messages in {chats} chats, and {tokens} tokens"))
    }
}

/// Moves all times that are later than the clock's back, and keeps their order. Chats that had such have changed: clients
/// fetch them anew.
///
/// # Errors
/// [`RepairError`].
pub async fn repair_times(settings: &Settings, clock: &dyn Clock) -> Result<Repaired, RepairError> {
    let now = clock.now();
    if now < EARLIEST {
        return Err(RepairError::Clock);
    }
    let database = settings.database_file().map_err(StartError::from)?;
    if !database.exists() {
        return Err(RepairError::None(database));
    }
    let _locks = lock_data(settings)?;
    let store = SqliteStore::open(&database).await.map_err(StartError::from)?;
    let repaired = store.repair_times(now, settings.limits.token_life()).await;
    crate::store::Store::close(&store).await;
    Ok(repaired.map_err(StartError::from)?)
}

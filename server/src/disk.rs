//! `DataFolder`: how much room is left where the data is.
use std::fmt;
use std::path::{Path, PathBuf};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::fs::statvfs;

/// The folders that data is written to.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    folders: [PathBuf; 2],
}

impl DataFolder {
    /// That of the pictures, and that of the database.
    pub(crate) fn new(data_dir: &Path, database: &Path) -> Self {
        let of_database = database.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self { folders: [data_dir, of_database.unwrap_or(Path::new("."))].map(Path::to_owned) }
    }

    /// Bytes that this user can write to the fuller one's file system; none where the system does not say.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let free = |folder: &PathBuf| {
            let of = statvfs(folder).ok()?;
            Some(of.f_bavail.saturating_mul(of.f_frsize))
        };
        self.folders.iter().filter_map(free).min()
    }
}

impl Collector for DataFolder {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(free) = self.free_bytes() else { return Ok(()) };
        let gauge = ConstGauge::new(i64::try_from(free).unwrap_or(i64::MAX));
        let help = "Bytes that can still be written where the data is";
        gauge.encode(encoder.encode_descriptor(
            "data_free",
            help,
            Some(&Unit::Bytes),
            gauge.metric_type(),
        )?)
    }
}

//! Idle: memory for connections that have been used once and are silent since.
use std::time::Duration;

use anyhow::{Context, Result};

use super::churn::used_once;
use crate::link::{Link, Target};
use crate::packet;
use crate::programs::Running;

/// Connections before those that count: what a process sets up once is not theirs.
const FIRST: usize = 16;
/// How long a process is left alone before its memory is looked at: longer than an acknowledgement may wait.
const SETTLE: Duration = Duration::from_millis(1500);

/// KiB of the process for each of so many connections.
pub(super) async fn each(process: &Running, target: Target, count: usize) -> Result<f64> {
    let mut links = Vec::with_capacity(FIRST + count);
    open(target, FIRST, &mut links).await?;
    let before = process.usage()?.resident;
    open(target, count, &mut links).await?;
    let after = process.usage()?.resident;
    close(links).await?;
    Ok((after - before) / count as f64)
}

/// MB of the whole process, with so many connections.
pub(super) async fn crowd(process: &Running, target: Target, count: usize) -> Result<f64> {
    let mut links = Vec::with_capacity(count);
    open(target, count, &mut links).await?;
    let kib = process.usage()?.resident;
    close(links).await?;
    Ok(kib * 1024.0 / 1e6)
}

/// Opens so many more, uses each once, and lets them come to rest.
async fn open(target: Target, count: usize, links: &mut Vec<Link>) -> Result<()> {
    for _ in 0..count {
        links.push(used_once(target, links.len()).await?);
    }
    tokio::time::sleep(SETTLE).await;
    for link in &mut *links {
        link.rest().await?;
    }
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Closes them, which must all work still.
async fn close(links: Vec<Link>) -> Result<()> {
    let packet = packet::message(40)?;
    for mut link in links {
        link.round_trip(&packet).await.context("an idle connection does not work any more")?;
        link.close().await?;
    }
    Ok(())
}

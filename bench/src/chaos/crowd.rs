//! As many connections as a process may have, each used when it is opened and before it is closed; and what they
//! give back is enough for as many others.
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use super::subject::Subject;
use super::{Extent, Setup};
use crate::link::{Link, Target};
use crate::open_files;
use crate::packet;
use crate::programs::Running;

/// How many there are.
const SHORT: usize = 1_000;
const LONG: usize = 10_000;
/// How many are opened and closed at the same time.
const AT_ONCE: usize = 50;
/// How long the bridge may take to be rid of them.
const GONE: Duration = Duration::from_secs(10);
/// MiB that a connection may take.
const MOST_EACH: f64 = 16.0 / 1024.0;
/// MiB that it may have more with a second crowd than with the first. The system's allocator keeps most of what
/// connections give back; it has to be there for those who come later.
const MOST_GROWTH: f64 = 1.5;

pub(super) async fn run(setup: &Setup<'_>) -> Result<String> {
    let most = open_files::raise_limit();
    let wanted = if setup.extent == Extent::Short { SHORT } else { LONG };
    let count = wanted.min(most);
    let (_echo, upstream) = Running::echo().await?;
    // the limit is not what is tried
    let arguments = ["--limit-connections", "0"];
    let subject = Subject::start(setup.program, upstream, &arguments).await?;
    // what a process sets up once is not the crowd's
    close(open(subject.page(), AT_ONCE).await?).await?;
    subject.empties(GONE).await?;
    let before = subject.resident()?;
    let links = open(subject.page(), count).await.context("a connection that is opened")?;
    let with = subject.resident()?;
    let opened = subject.figure("connections_open").await?;
    ensure!(opened == count as u64, "{opened} connections are counted, of {count}");
    subject.healthy().await?;
    close(links).await.context("a connection that has been open for a while")?;
    subject.empties(GONE).await?;
    let after = subject.resident()?;
    let taken = with - before;
    ensure!(
        taken <= MOST_EACH * count as f64,
        "{count} connections took {taken:.1} MiB, more than {} KiB each",
        MOST_EACH * 1024.0
    );
    subject.unharmed().await?;
    // memory that is kept is used again: who comes later takes no more
    let links = open(subject.page(), count).await.context("a connection of the second crowd")?;
    let again = subject.resident()?;
    close(links).await?;
    subject.empties(GONE).await?;
    ensure!(
        again - with <= MOST_GROWTH,
        "with {count} connections it has {with:.1} MiB, and with as many others after them {again:.1}"
    );
    let short = if count < wanted {
        format!(" in place of {wanted}: a process may have no more open files here (`ulimit -n`)")
    } else {
        String::new()
    };
    Ok(format!(
        "{count} connections{short}; {before:.1} MiB before, {with:.1} with them, {after:.1} after, {again:.1} with as many others"
    ))
}

/// Opens so many, every other one as a session, and uses each once.
async fn open(page: SocketAddr, count: usize) -> Result<Vec<Link>> {
    let mut opening = JoinSet::new();
    let mut links = Vec::with_capacity(count);
    for number in 0..count {
        if opening.len() == AT_ONCE {
            links.extend(opening.join_next().await.transpose()?.transpose()?);
        }
        let target = if number % 2 == 0 { Target::Bridge(page) } else { Target::Resume(page) };
        opening.spawn(async move {
            let packet = packet::message(40)?;
            let mut link = Link::open_one_of_many(target, packet.len(), number).await?;
            link.round_trip(&packet).await?;
            anyhow::Ok(link)
        });
    }
    while let Some(link) = opening.join_next().await {
        links.push(link??);
    }
    Ok(links)
}

/// Uses each once more, and closes it.
async fn close(links: Vec<Link>) -> Result<()> {
    let mut closing = JoinSet::new();
    for mut link in links {
        if closing.len() == AT_ONCE {
            closing.join_next().await.transpose()?.transpose()?;
        }
        closing.spawn(async move {
            link.round_trip(&packet::message(40)?).await?;
            link.close().await
        });
    }
    while let Some(closed) = closing.join_next().await {
        closed??;
    }
    Ok(())
}

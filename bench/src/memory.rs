//! Memory of the whole program, page and chat service included, with users who are logged in and idle.
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mig33_codec::packets::{Login, LoginChallenge, LoginResponse, NewRegistration};
use mig33_codec::values::Presence;
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Secret, hash};
use serde_json::json;

use crate::Memory;
use crate::link::{Link, Target};
use crate::programs::Running;

/// How long the program is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);
/// Every user's password: they live as long as the measurement.
const PASSWORD: &str = "correct horse";

/// Registers and logs in all users over `/ws`, then tells what the program takes.
pub(crate) async fn run(options: &Memory) -> Result<()> {
    let data = tempfile::tempdir()?;
    let folder = data.path().to_str().context("the temporary folder's name is UTF-8")?;
    let arguments = ["--upstream", "embedded", "--tcp-listen", "127.0.0.1:0", "--data-dir", folder];
    let (bridge, page) = Running::bridge(&options.program.bridge, &arguments).await?;
    tokio::time::sleep(SETTLE).await;
    let before = bridge.usage()?.resident;
    let mut users = Vec::with_capacity(options.users);
    for number in 0..options.users {
        users.push(User::enter(page, number).await.with_context(|| format!("user {number}"))?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = bridge.usage()?.resident;
    let count = options.users;
    let each = (after - before) / count as f64;
    let mut out = io::stdout().lock();
    if options.program.json {
        let value =
            json!({ "users": count, "kib_before": before, "kib": after, "kib_per_user": each });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{:<42} {:>12.1}", "memory of the program at start, MiB", before / 1024.0)?;
        writeln!(
            out,
            "{:<42} {:>12.1}",
            format!("with {count} logged-in idle users, MiB"),
            after / 1024.0
        )?;
        writeln!(out, "{:<42} {:>12.1}", "each, KiB", each)?;
    }
    Ok(())
}

/// Someone who is logged in.
struct User {
    link: Link,
    decoder: Decoder,
    /// The number of the last request.
    transaction: u16,
}

impl User {
    async fn enter(page: SocketAddr, number: usize) -> Result<Self> {
        let link = Link::open(Target::Bridge(page), 0).await?;
        let mut user = Self { link, decoder: Decoder::new(), transaction: 0 };
        let name = format!("user{number}");
        let registration = NewRegistration {
            service_type: Some(1),
            username: Some(name.as_str().into()),
            password: Some(Secret::new(PASSWORD.into())),
            ..NewRegistration::default()
        };
        user.request(&registration, Command::OK).await?;
        let login = Login {
            username: Some(name.as_str().into()),
            initial_presence: Some(Presence::AVAILABLE),
            ..Login::default()
        };
        let challenge =
            LoginChallenge::decode(&user.request(&login, Command::LOGIN_CHALLENGE).await?)?;
        let challenge = challenge.challenge.context("the challenge is empty")?;
        let proof = hash::sha1fold(&challenge.as_str(), PASSWORD);
        let response =
            LoginResponse { password_hash: Some(Secret::new(proof)), ..LoginResponse::default() };
        user.request(&response, Command::LOGIN_OK).await?;
        Ok(user)
    }

    /// Sends a request and waits for its answer, which has to be of one kind.
    async fn request(&mut self, request: &impl Encode, answer: Command) -> Result<Frame> {
        self.transaction += 1;
        self.link.send(&request.encode(self.transaction)?.to_bytes()).await?;
        loop {
            while let Some(frame) = self.decoder.next_frame()? {
                if frame.transaction == self.transaction {
                    ensure!(
                        frame.command == answer,
                        "{} came where {answer} should be",
                        frame.command
                    );
                    return Ok(frame);
                }
            }
            self.decoder.push(self.link.receive().await?);
        }
    }
}

//! Sessions over lines that are cut: every byte arrives once and in order at both ends, on one upstream connection.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::conversation::{Conversation, Stop};
use super::line::{Cut, Fate, Lines};
use super::subject::Subject;
use super::traffic::Traffic;
use super::upstream::Upstream;
use super::{Extent, Setup};

/// Seconds that a session waits for its client: longer than a client takes to see that its line is dead.
const GRACE: &str = "8";
/// How long it takes until one that nobody knows of is gone.
const GONE: Duration = Duration::from_secs(8 + 4);
/// Sessions whose upstream reads nothing at first, for how long, and what their clients send: more than sockets hold,
/// so that the bridge has read what it cannot write when their lines are cut.
const STALLING: u16 = 3;
const STALL: Duration = Duration::from_secs(3);
const MUCH: usize = 16_000_000;
/// How long one conversation may take.
const TALK_TIME: Duration = Duration::from_secs(60);

/// Both streams of a session.
struct Pair {
    to_server: Arc<Traffic>,
    to_client: Arc<Traffic>,
    /// Whether the upstream reads nothing at first.
    stalls: bool,
}

/// What the upstream has seen of a connection: whose it was, and how much came.
struct Seen {
    sender: Option<u16>,
    got: Result<usize>,
}

pub(super) async fn run(setup: &Setup<'_>, mut rng: Rng) -> Result<String> {
    let (sessions, cuts, bytes) = match setup.extent {
        Extent::Short => (12_u16, 8, 200_000),
        Extent::Long => (24, 30, 1_000_000),
    };
    let mut pairs = Vec::new();
    for number in 0..sessions {
        let stalls = number < STALLING;
        let mut stream = |bytes| anyhow::Ok(Arc::new(Traffic::new(&mut rng, number, bytes)?));
        let to_server = stream(if stalls { MUCH } else { bytes })?;
        pairs.push(Pair { to_server, to_client: stream(bytes)?, stalls });
    }
    let pairs: Arc<[Pair]> = pairs.into();
    let known = Arc::clone(&pairs);
    let mut upstream = Upstream::start(move |stream| serve(stream, Arc::clone(&known))).await?;
    let subject =
        Subject::start(setup.program, upstream.address(), &["--resume-grace", GRACE]).await?;
    let mut talks = JoinSet::new();
    for pair in pairs.iter() {
        let conversation =
            Conversation::new(Arc::clone(&pair.to_server), Arc::clone(&pair.to_client));
        let mut fates: Vec<Fate> = (0..cuts).map(|_| Fate::random(&mut rng, &Cut::ALL)).collect();
        if setup.extent == Extent::Short
            && let Some(first) = fates.first_mut()
        {
            // a session whose first answer is lost is gone only when its time is over
            (first.up, first.down) = (first.up.max(2_000), usize::MAX);
        }
        if pair.stalls {
            // each passes more than the sockets hold, or as much as it can
            for fate in &mut fates {
                (fate.up, fate.down) = (rng.usize(1_000_000..8_000_000), usize::MAX);
            }
        }
        let (page, rng) = (subject.page(), rng.fork());
        talks.spawn(async move {
            let lines = Lines::to(page).await?;
            let talk = talk(conversation, lines, fates, rng);
            timeout(TALK_TIME, talk).await.context("a session does not come to its end")?
        });
    }
    let mut sum = Sum::default();
    while let Some(talk) = talks.join_next().await {
        sum.add(&talk??);
    }
    subject.empties(GONE).await?;
    let mut seen: HashMap<u16, usize> = HashMap::new();
    let mut unknown = 0;
    while seen.len() < pairs.len() {
        let connection = upstream.ended(GONE).await?;
        note(connection, &mut seen, &mut unknown)?;
    }
    for connection in upstream.ended_already() {
        note(connection, &mut seen, &mut unknown)?;
    }
    for (number, pair) in (0..).zip(pairs.iter()) {
        let got = *seen.get(&number).context("a session never came to the upstream")?;
        ensure!(got == pair.to_server.len(), "session {number}: the upstream got {got} bytes");
    }
    ensure!(
        unknown <= sum.unanswered,
        "{unknown} silent connections at the upstream, and {} openings without an answer",
        sum.unanswered
    );
    let resumes = subject.figure("resumes_total{outcome=\"resumed\"}").await?;
    ensure!(resumes >= sum.resumed as u64, "{resumes} resumes are counted, {} seen", sum.resumed);
    subject.unharmed().await?;
    Ok(format!(
        "{sessions} sessions, {} MB both ways; {} lines, {} of them cut; {} resumes",
        sum.bytes / 1_000_000,
        sum.lines,
        sum.lost,
        sum.resumed
    ))
}

/// What came of conversations.
#[derive(Default)]
struct Sum {
    bytes: usize,
    lines: usize,
    lost: usize,
    unanswered: usize,
    resumed: usize,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.lost += other.lost;
        self.unanswered += other.unanswered;
        self.resumed += other.resumed;
    }
}

fn note(seen: Seen, all: &mut HashMap<u16, usize>, unknown: &mut usize) -> Result<()> {
    let got = seen.got.with_context(|| format!("at the upstream, session {:?}", seen.sender))?;
    let Some(sender) = seen.sender else {
        *unknown += 1;
        return Ok(());
    };
    let before = all.insert(sender, got);
    ensure!(before.is_none(), "session {sender} has had two connections to the upstream");
    Ok(())
}

/// A whole conversation: over lines that are cut, then over one that is not.
async fn talk(
    mut conversation: Conversation,
    mut lines: Lines,
    fates: Vec<Fate>,
    mut rng: Rng,
) -> Result<Sum> {
    let mut sum = Sum::default();
    for fate in fates {
        let line = lines.line(fate).await?;
        sum.lines += 1;
        match conversation.go_on(line, &mut rng).await {
            // there is nothing left that a cut could harm
            Ok(()) => break,
            Err(Stop::Lost) => sum.lost += 1,
            Err(Stop::Wrong(error)) => return Err(error),
        }
    }
    let line = lines.line(Fate::WHOLE).await?;
    sum.lines += 1;
    match conversation.end(line, &mut rng).await {
        Ok(()) => {}
        Err(Stop::Lost) => anyhow::bail!("a line is lost that nobody has cut"),
        Err(Stop::Wrong(error)) => return Err(error),
    }
    sum.bytes = conversation.bytes();
    sum.unanswered = conversation.unanswered;
    sum.resumed = conversation.resumed;
    Ok(sum)
}

/// The upstream's end: the first packet says whose stream it is; then both are at work until the bridge closes.
async fn serve(mut stream: TcpStream, pairs: Arc<[Pair]>) -> Seen {
    let mut header = [0; mig33_codec::HEADER_LEN];
    if stream.read_exact(&mut header).await.is_err() {
        return Seen { sender: None, got: Ok(0) };
    }
    let sender = u16::from_be_bytes([header[3], header[4]]);
    let Some(pair) = pairs.get(usize::from(sender)) else {
        return Seen {
            sender: Some(sender),
            got: Err(anyhow::anyhow!("there is no such session")),
        };
    };
    let (mut reading, writing) = stream.split();
    let got = async {
        let mut rng = Rng::with_seed(!u64::from(sender));
        if pair.stalls {
            sleep(STALL).await;
        }
        let mut got = pair.to_server.follow(0, &header)?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = reading.read(&mut buffer).await.context("in place of a close")?;
            if count == 0 {
                return Ok(got);
            }
            got = pair.to_server.follow(got, buffer.get(..count).unwrap_or_default())?;
            if rng.u8(..8) == 0 {
                // what comes meanwhile is read by the bridge and not written, when the line is cut
                sleep(Duration::from_millis(rng.u64(..40))).await;
            }
        }
    };
    let (got, ()) = tokio::join!(got, answer(writing, &pair.to_client, u64::from(sender)));
    Seen { sender: Some(sender), got }
}

/// Writes the other stream, in any cut and with pauses.
async fn answer(mut writing: WriteHalf<'_>, traffic: &Traffic, seed: u64) {
    let (mut rng, mut at) = (Rng::with_seed(seed), 0);
    while at < traffic.len() {
        let piece = traffic.part(at, at + rng.usize(1..6_000));
        // what does not arrive is missed at the other end
        if writing.write_all(&piece).await.is_err() {
            return;
        }
        at += piece.len();
        sleep(Duration::from_millis(rng.u64(..3))).await;
    }
}

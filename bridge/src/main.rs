//! `mig33-bridge`: reads the settings, starts the bridge, stops it on a signal.
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

#[cfg(feature = "embedded")]
use mig33_bridge::command_line::DataCommand;
use mig33_bridge::command_line::{self, Order};
use mig33_bridge::log::{self, Log};
use mig33_bridge::page::Page;
use mig33_bridge::{Addresses, Arguments, Bridge, Inherited, Settings};
use mig33_bridge::{check, healthy, notify, open_files, reference};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, warn};

/// The exit code where the settings are wrong; clap's own is the same.
const BAD_SETTINGS: u8 = 2;
/// The exit code where the bridge does not start, or is told to stop a second time.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    match command_line::read() {
        // before there are threads, since it changes the environment
        Order::Serve(arguments) => match Inherited::from_environment() {
            Ok(inherited) => serve(*arguments, inherited),
            Err(error) => fail(&error, FAILED),
        },
        Order::CheckConfig { arguments, matches, quiet } => {
            match check::check(*arguments, &matches) {
                Ok(report) => tell(&report, quiet),
                Err(error) => fail(&error, BAD_SETTINGS),
            }
        }
        Order::Healthy(arguments) => match Settings::from_arguments(*arguments) {
            Ok(settings) => match healthy::ask(&settings) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error, FAILED),
            },
            Err(error) => fail(&error, BAD_SETTINGS),
        },
        #[cfg(feature = "embedded")]
        Order::Data { command, arguments } => match Settings::from_arguments(*arguments) {
            Ok(settings) => data(command, &settings),
            Err(error) => fail(&error, BAD_SETTINGS),
        },
        Order::Settings { markdown } => {
            print(&if markdown { reference::markdown() } else { reference::example() });
            ExitCode::SUCCESS
        }
    }
}

#[tokio::main]
async fn serve(arguments: Arguments, inherited: Inherited) -> ExitCode {
    let settings = match Settings::from_arguments(arguments.clone()) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, BAD_SETTINGS),
    };
    let log = match log::start(&settings) {
        Ok(log) => log,
        Err(error) => return fail(&error, BAD_SETTINGS),
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, FAILED),
    };
    no_core_dump();
    let files = open_files::Needed::of(&settings);
    let mut bridge = match Bridge::start_on(settings, Page::embedded(), inherited).await {
        Ok(bridge) => bridge,
        Err(error) => return fail(&error, FAILED),
    };
    open_files::raise(files);
    // nobody may be reading: the bridge works all the same
    let _ = announce(bridge.addresses());
    notify::ready(bridge.addresses());
    tokio::spawn(notify::alive());
    while signals.next().await == Wish::Reload {
        notify::reloading();
        reload(&arguments, &mut bridge, &log);
        notify::ready(bridge.addresses());
    }
    notify::stopping(bridge.longest_stop());
    tokio::select! {
        () = bridge.stop() => ExitCode::SUCCESS,
        // at once: returning would wait for work that is under way
        () = signals.stop() => std::process::exit(FAILED.into()),
    }
}

/// Makes or restores a backup, or puts the data right.
#[cfg(feature = "embedded")]
#[tokio::main]
async fn data(command: DataCommand, settings: &Settings) -> ExitCode {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, FAILED),
    };
    tokio::select! {
        done = command.run(&settings.server) => match done {
            Ok(told) => {
                let _ = writeln!(io::stderr(), "{told}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(&*error, FAILED),
        },
        () = signals.stop() => ExitCode::from(FAILED),
    }
}

/// A dump of the memory would hold the keys of the database and of TLS, and what people write.
fn no_core_dump() {
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, nothing) {
        warn!(%error, "a crash may leave a dump of the memory");
    }
}

/// Reads the settings again. Where something is wrong with them, those before stay.
fn reload(arguments: &Arguments, bridge: &mut Bridge, log: &Log) {
    match Settings::from_arguments(arguments.clone()) {
        Ok(settings) => match log.set_filter(&settings.log) {
            Ok(()) => {
                bridge.reload(settings);
            }
            Err(error) => error!(%error, "the settings before stay"),
        },
        Err(error) => error!(%error, "the settings before stay"),
    }
}

/// One line for each listener, on standard output: the program is ready.
fn announce(addresses: Addresses) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let scheme = if addresses.is_secure { "https" } else { "http" };
    writeln!(out, "listening page {scheme}://{}", addresses.page)?;
    if let Some(tcp) = addresses.tcp {
        writeln!(out, "listening tcp {tcp}")?;
    }
    writeln!(out, "listening admin http://{}", addresses.admin)?;
    out.flush()
}

/// What `check-config` has found.
fn tell(report: &check::Report, quiet: bool) -> ExitCode {
    if !quiet {
        print(&report.settings);
    }
    let mut err = io::stderr().lock();
    for doubt in &report.doubts {
        let _ = writeln!(err, "mig33-bridge: in doubt: {doubt}");
    }
    for problem in &report.problems {
        let _ = writeln!(err, "mig33-bridge: {problem}");
    }
    if !report.problems.is_empty() {
        return ExitCode::from(BAD_SETTINGS);
    }
    if !quiet {
        for note in &report.notes {
            let _ = writeln!(err, "mig33-bridge: note: {note}");
        }
        let _ = writeln!(err, "mig33-bridge: these settings can be used; {}", check::NOT_CHECKED);
    }
    ExitCode::SUCCESS
}

fn print(text: &str) {
    // who reads no more has seen enough
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "mig33-bridge: {error}");
    ExitCode::from(code)
}

/// What somebody wants of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Stop,
    Reload,
}

/// How somebody wants something.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }
}

//! Runs the program.
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The capture that a newcomer decodes first.
pub(crate) const LOGIN_HEX: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/captures/login-j2me-4.20.hex");

/// The program with these arguments, without what the environment says of colours.
pub(crate) fn mig33(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mig33"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) errors: String,
}

impl Ended {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("text")
    }

    /// Standard output of a run in which all was well.
    #[track_caller]
    pub(crate) fn well(&self) -> &Self {
        assert_eq!((self.code, self.errors.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// Standard output of a run that ended with this error.
    #[track_caller]
    pub(crate) fn failed(&self, error: &str) -> &Self {
        assert_eq!((self.code, self.errors.as_str()), (Some(1), error), "{}", self.text());
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            bytes: output.stdout,
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    mig33(args).output().expect("the program starts").into()
}

/// Runs the program with this on its standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Ended {
    let mut child = mig33(args).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // a program that stops reading is no failure of the test
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ended = child.wait_with_output().expect("the program ends").into();
    writer.join().expect("the writer ends");
    ended
}

/// A program that runs until it is told to stop, or the test that started it ends, well or not.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let child = self.0.take().expect("it was not waited for");
        child.wait_with_output().expect("it ends").into()
    }
}

impl From<Child> for Running {
    fn from(child: Child) -> Self {
        Self(Some(child))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

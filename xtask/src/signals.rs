//! Ctrl-C and SIGTERM: what was started is told to end before we do, so that nothing is left running.

use std::sync::atomic::{AtomicU8, Ordering};

/// The signal that asked us to stop; 0 when none has.
static RECEIVED: AtomicU8 = AtomicU8::new(0);

/// The number of the signal that asked us to stop.
pub(crate) fn received() -> Option<u8> {
    match RECEIVED.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(signal),
    }
}

#[cfg(unix)]
pub(crate) use unix::{end, watch, watched};

#[cfg(unix)]
mod unix {
    use std::process::{Child, exit};
    use std::sync::atomic::Ordering;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::thread;

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    use super::{RECEIVED, received};

    /// The processes that are told to end when we are.
    static CHILDREN: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

    /// Starts to listen. The first signal ends the children, and each command then returns by itself; the second
    /// one ends us at once.
    pub(crate) fn watch() {
        // without a handler the default one ends us: nothing worse than before
        let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
            return;
        };
        thread::spawn(move || {
            for signal in signals.forever() {
                let signal = u8::try_from(signal).unwrap_or(1);
                if received().is_some() {
                    exit(128 + i32::from(signal));
                }
                let children = children();
                RECEIVED.store(signal, Ordering::SeqCst);
                for child in children.iter() {
                    // it may have ended by itself meanwhile
                    let _ = kill_process(*child, Signal::TERM);
                }
            }
        });
    }

    /// Keeps a child among those that a signal ends, until what is returned is dropped.
    pub(crate) fn watched(child: &Child) -> impl Drop + use<> {
        let guard = Watched(pid(child));
        if let Some(pid) = guard.0 {
            let mut children = children();
            children.push(pid);
            if received().is_some() {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        guard
    }

    /// Asks a child to end (SIGTERM).
    pub(crate) fn end(child: &mut Child) {
        if let (Ok(None), Some(pid)) = (child.try_wait(), pid(child)) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    struct Watched(Option<Pid>);

    impl Drop for Watched {
        fn drop(&mut self) {
            children().retain(|pid| Some(*pid) != self.0);
        }
    }

    fn pid(child: &Child) -> Option<Pid> {
        i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    }

    fn children() -> MutexGuard<'static, Vec<Pid>> {
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(unix))]
pub(crate) use other::{end, watch, watched};

#[cfg(not(unix))]
mod other {
    use std::process::Child;

    /// Ctrl-C reaches every process of the console here, and its default ends us.
    pub(crate) fn watch() {}

    /// See above.
    pub(crate) fn watched(_child: &Child) {}

    /// Ends a child.
    pub(crate) fn end(child: &mut Child) {
        // it may have ended by itself
        let _ = child.kill();
    }
}

//! The program that runs: its start, the signals that it gets, and its end.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};

#[cfg(unix)]
use rustix::process::Signal;
#[cfg(unix)]
use signal_hook::consts::{SIGINT, SIGQUIT};
use tokio::sync::oneshot;

use crate::run::{ChildEnvironment, guarded};

/// There are no signals.
#[cfg(not(unix))]
pub(super) type Signal = std::convert::Infallible;

/// A running program. One that still runs when this is dropped is killed.
#[derive(Debug)]
pub(super) struct Child {
    #[cfg_attr(not(unix), allow(dead_code))]
    pid: u32,
    exit: oneshot::Receiver<io::Result<ExitStatus>>,
    has_ended: bool,
}

impl Child {
    /// Starts a program, which inherits input, output and errors. Calls `at_end` after its end, before [`Child::wait`] returns.
    ///
    /// # Errors
    ///
    /// If there is no such program, or the system refuses.
    pub(super) fn start(command: &[OsString], environment: &ChildEnvironment, at_end: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let command = guarded(command);
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.set.iter().map(|(name, value)| (name, value)));
        for name in &environment.remove {
            command.env_remove(name);
        }
        let mut process = command.spawn()?;
        let (sender, exit) = oneshot::channel();
        let pid = process.id();
        // Only a thread can wait for a process without a handler of the signal that tells its end.
        std::thread::Builder::new().name("run".to_owned()).spawn(move || {
            let status = process.wait();
            at_end();
            // The receiver may be gone.
            drop(sender.send(status));
        })?;
        Ok(Self { pid, exit, has_ended: false })
    }

    /// Waits for the end. Returns the exit code as shells tell it. Cancel safe.
    pub(super) async fn wait(&mut self) -> io::Result<u8> {
        let status = (&mut self.exit).await;
        self.has_ended = true;
        Ok(exit_code(status.map_err(io::Error::other)??))
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid.filter(|_| !self.has_ended) {
            // It may have ended just now.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Does nothing: there are no signals.
    #[cfg(not(unix))]
    pub(super) fn signal(&self, _signal: Signal) {}
}

impl Drop for Child {
    fn drop(&mut self) {
        #[cfg(unix)]
        self.signal(Signal::KILL);
    }
}

/// Returns the exit code, or 128 and the number of the signal that ended the program.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(1);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The signals that are passed on.
pub(super) struct Signals {
    #[cfg(unix)]
    received: tokio::sync::mpsc::UnboundedReceiver<Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals, which end nothing by themselves from now on.
    pub(super) fn new() -> io::Result<Self> {
        use signal_hook::iterator::SignalsInfo;
        use signal_hook::iterator::exfiltrator::WithOrigin;
        let passed_on = [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP, Signal::USR1, Signal::USR2];
        let mut signals = SignalsInfo::<WithOrigin>::new(passed_on.map(Signal::as_raw))?;
        let (sender, received) = tokio::sync::mpsc::unbounded_channel();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                // A key of the terminal signals the program, too.
                let is_for_both = matches!(origin.signal, SIGINT | SIGQUIT) && origin.process.is_none();
                let signal = passed_on.into_iter().find(|signal| signal.as_raw() == origin.signal);
                if let Some(signal) = signal.filter(|_| !is_for_both)
                    && sender.send(signal).is_err()
                {
                    return;
                }
            }
        })?;
        Ok(Self { received })
    }

    /// Waits for a signal that the program has not got from the terminal itself. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        match self.received.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The console tells every program of Ctrl-C by itself.
    pub(super) async fn next(&mut self) -> Signal {
        while tokio::signal::ctrl_c().await.is_ok() {}
        std::future::pending().await
    }
}

//! Being stopped by a shell, in order: who handles the signal can close its connections and restore the terminal first.

use std::io;

/// The signals that ask to stop (`SIGTSTP`), which stop nothing by themselves from the creation of this on. None on other systems than Unix.
#[derive(Debug)]
pub struct Stops {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

impl Stops {
    /// Takes the signals.
    ///
    /// # Errors
    ///
    /// Fails if the system has no place for a handler, or outside of a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: {
                use tokio::signal::unix::{SignalKind, signal};
                signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?
            },
        })
    }

    /// Waits for a signal.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if self.signals.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// What is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This process, as by a signal to it.
    Process,
    /// The whole process group, as by Ctrl-z in a shell.
    Group,
}

/// Stops until the shell continues the process. Returns at once where no shell could, as the system does for `SIGTSTP`, and on other systems
/// than Unix.
///
/// # Errors
///
/// Fails if the system refuses.
pub fn stop(scope: Scope) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
        // The handler of SIGTSTP stays, so that only this signal stops the process.
        if has_shell() {
            match scope {
                Scope::Process => kill_process(getpid(), Signal::STOP)?,
                Scope::Group => kill_current_process_group(Signal::STOP)?,
            }
        }
    }
    #[cfg(not(unix))]
    let _ = scope;
    Ok(())
}

/// The most processes of the own group between this one and the shell that are looked at.
#[cfg(unix)]
const MAX_PARENTS: usize = 32;

/// Whether the process group has a parent in its session that can continue it: it is not orphaned, in POSIX's words.
#[cfg(unix)]
fn has_shell() -> bool {
    use rustix::process::{getpgid, getppid, getsid};
    let (Ok(group), Ok(session)) = (getpgid(None), getsid(None)) else { return false };
    let mut next = getppid();
    for _ in 0..MAX_PARENTS {
        let Some(parent) = next else { return false };
        match getpgid(Some(parent)) {
            Ok(other) if other == group => next = parent_of(parent),
            Ok(_) => return getsid(Some(parent)) == Ok(session),
            Err(_) => return false,
        }
    }
    false
}

/// Returns the parent of a process, if the system tells.
#[cfg(unix)]
fn parent_of(process: rustix::process::Pid) -> Option<rustix::process::Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name in parentheses may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    rustix::process::Pid::from_raw(after.split_whitespace().nth(1)?.parse().ok()?)
}

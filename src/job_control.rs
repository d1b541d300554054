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
    let Some(own) = Family::of(None) else { return false };
    let mut next = own.parent;
    for _ in 0..MAX_PARENTS {
        let Some(parent) = next.and_then(|parent| Family::of(Some(parent))) else { return false };
        if parent.group != own.group {
            return parent.session == own.session;
        }
        next = parent.parent;
    }
    false
}

/// What a process belongs to.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
struct Family {
    /// None if the system does not tell, or if it is outside of this container.
    parent: Option<rustix::process::Pid>,
    /// 0 if its leader is outside of this container.
    group: i32,
    /// 0 if its leader is outside of this container.
    session: i32,
}

#[cfg(unix)]
impl Family {
    /// Reads what a process, or this one, belongs to. From `/proc`, because `rustix` takes no group or session 0.
    #[cfg(target_os = "linux")]
    fn of(process: Option<rustix::process::Pid>) -> Option<Self> {
        let process = process.unwrap_or_else(rustix::process::getpid);
        Self::parse(&std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?)
    }

    /// Parses `/proc/PID/stat`.
    #[cfg(target_os = "linux")]
    fn parse(stat: &str) -> Option<Self> {
        // The name in parentheses may hold anything. After it: state, parent, group, session.
        let (_, after) = stat.rsplit_once(')')?;
        let mut numbers = after.split_whitespace().skip(1).map(|number| number.parse::<i32>().ok());
        let parent = rustix::process::Pid::from_raw(numbers.next()??);
        Some(Self { parent, group: numbers.next()??, session: numbers.next()?? })
    }

    /// Asks what a process, or this one, belongs to. Only this one's parent is known.
    #[cfg(not(target_os = "linux"))]
    fn of(process: Option<rustix::process::Pid>) -> Option<Self> {
        use rustix::process::{getpgid, getppid, getsid};
        let parent = if process.is_none() { getppid() } else { None };
        let (group, session) = (getpgid(process).ok()?, getsid(process).ok()?);
        Some(Self { parent, group: group.as_raw_nonzero().get(), session: session.as_raw_nonzero().get() })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Family;

    #[test]
    fn a_process_may_have_its_group_and_session_outside_of_its_container() {
        let family = |parent, group, session| Some(Family { parent: rustix::process::Pid::from_raw(parent), group, session });
        assert_eq!(Family::parse("7 (a) b (c) S 1 0 0 0 -1 4194304"), family(1, 0, 0));
        assert_eq!(Family::parse("7 (agno-top) S 5 6 4 34816"), family(5, 6, 4));
        assert_eq!(Family::parse("7 (agno-top) S 0 6 4 34816"), family(0, 6, 4));
        assert_eq!(Family::parse("7 (agno-top) S 5 6"), None);
    }
}

//! A panic in any thread ends the program: the terminal is restored and the message is logged and printed. Nothing unwinds: release builds
//! have no code for it, which is a seventh of the program.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::format;

static FIRST_MESSAGE: Mutex<Option<String>> = Mutex::new(None);
static PANICKED: Notify = Notify::const_new();
static CLEANUP: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// How long the main thread has to end the program in order, after a panic in another thread.
const PATIENCE: Duration = Duration::from_secs(2);

/// Installs a hook that logs and keeps the message of a panic, and ends the program. After a panic in another thread the main thread may end
/// it first, see [`happened`].
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string().replace('\n', " ");
        tracing::error!(message, "panic");
        let message = FIRST_MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message).clone();
        PANICKED.notify_one();
        if std::thread::current().name() != Some("main") {
            std::thread::sleep(PATIENCE);
        }
        if let Some(cleanup) = CLEANUP.lock().unwrap_or_else(PoisonError::into_inner).take() {
            cleanup();
        }
        // Nothing can be done if standard error is closed.
        let _ = writeln!(std::io::stderr(), "agno-top: {}", format::safe(&describe(&message)));
        std::process::exit(1);
    }));
}

/// Keeps what must be done before a panic ends the program, in place of what was kept before.
pub fn before_end(cleanup: impl FnOnce() + Send + 'static) {
    *CLEANUP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(cleanup));
}

/// Returns what the user is told of the first panic; `None` if no thread panicked.
#[must_use]
pub fn message() -> Option<String> {
    FIRST_MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).as_deref().map(describe)
}

/// Waits for a panic in any thread, and returns what the user is told.
pub async fn happened() -> String {
    PANICKED.notified().await;
    message().unwrap_or_default()
}

fn describe(message: &str) -> String {
    format!("internal error: {message}")
}

/// Panics on request, so that tests see what a user would see. In debug builds only.
///
/// # Panics
/// If the variable `AGNO_TOP_REHEARSE_PANIC` is `main`, or, in another thread, if it is `thread`.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "its purpose is to panic")]
pub fn rehearse() {
    match std::env::var("AGNO_TOP_REHEARSE_PANIC").as_deref() {
        Ok("main") => panic!("rehearsed"),
        Ok("thread") => drop(std::thread::spawn(|| panic!("rehearsed"))),
        _ => {}
    }
}

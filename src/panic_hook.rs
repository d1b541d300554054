//! A panic in any thread ends the program: the terminal is restored and the message is logged.

use std::sync::Mutex;

use tokio::sync::Notify;

static FIRST_MESSAGE: Mutex<Option<String>> = Mutex::new(None);
static PANICKED: Notify = Notify::const_new();

/// Installs a hook that logs and keeps the message of a panic. It prints nothing, since the screen may be shown.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string().replace('\n', " ");
        tracing::error!(message, "panic");
        if let Ok(mut first) = FIRST_MESSAGE.lock() {
            first.get_or_insert(message);
        }
        PANICKED.notify_one();
    }));
}

/// Returns the message of the first panic; `None` if no thread panicked.
#[must_use]
pub fn message() -> Option<String> {
    FIRST_MESSAGE.lock().ok()?.clone()
}

/// Waits for a panic in any thread, and returns its message.
pub async fn happened() -> String {
    PANICKED.notified().await;
    message().unwrap_or_else(|| "unknown".to_owned())
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

//! A panic in any thread ends the program, with the terminal restored and the message in the log.

use std::sync::Mutex;

use tokio::sync::Notify;

static FIRST: Mutex<Option<String>> = Mutex::new(None);
static NEWS: Notify = Notify::const_new();

/// From now on a panic is logged and remembered, and nothing is printed: the screen may be up.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string().replace('\n', " ");
        tracing::error!(message, "panic");
        if let Ok(mut first) = FIRST.lock() {
            first.get_or_insert(message);
        }
        NEWS.notify_one();
    }));
}

/// The first panic's message, if any thread panicked.
#[must_use]
pub fn message() -> Option<String> {
    FIRST.lock().ok()?.clone()
}

/// Waits until some thread panics, and gives the message.
pub async fn happened() -> String {
    NEWS.notified().await;
    message().unwrap_or_else(|| "unknown".to_owned())
}

/// Lets a test see what a person would see of a panic; debug builds only.
///
/// # Panics
/// Where the variable `AGNO_TOP_REHEARSE_PANIC` asks for it, in the `main` thread or in another `thread`.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "it is what this is for")]
pub fn rehearse() {
    match std::env::var("AGNO_TOP_REHEARSE_PANIC").as_deref() {
        Ok("main") => panic!("rehearsed"),
        Ok("thread") => drop(std::thread::spawn(|| panic!("rehearsed"))),
        _ => {}
    }
}

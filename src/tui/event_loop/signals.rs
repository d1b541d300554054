//! Signals that end the program.

use std::io;

/// Returns a future that ends at the first SIGTERM, SIGHUP or SIGINT; on other systems never. Signals count from this call on.
#[cfg(unix)]
pub(super) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut terminate, mut hangup] = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(super) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}

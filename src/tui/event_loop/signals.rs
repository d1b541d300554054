//! Signals that end the program, and those that tell of a new size.

use std::io;
#[cfg(unix)]
use std::task::Poll;

/// Returns a future that ends at the first signal that would end the program; on other systems never. Signals count from this call on.
#[cfg(unix)]
pub(super) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::alarm(),
    ];
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
    Ok(std::future::poll_fn(move |context| {
        let is_received = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if is_received { Poll::Ready(()) } else { Poll::Pending }
    }))
}

#[cfg(not(unix))]
pub(super) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}

/// Tells of new sizes of the terminal; elsewhere than on Unix they are events.
pub(super) struct Resizes {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

impl Resizes {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())?,
        })
    }

    /// Waits for a new size.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        self.signals.recv().await;
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    }
}

//! Output to the terminal, written on a thread of its own.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How long to wait for a terminal that takes no output, before the program ends or stops without restoring its screen.
const WAIT: Duration = Duration::from_millis(500);

/// Writes to the terminal on a thread of its own, in the order of the calls.
#[derive(Clone, Debug)]
pub struct Output {
    sender: Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Both tell that a text was written.
    written: Condvar,
    written_async: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Texts that are not yet written.
    waiting: usize,
    error: Option<io::Error>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, texts: &Receiver<Vec<u8>>, mut out: impl Write) {
        for text in texts {
            let written = out.write_all(&text).and_then(|()| out.flush());
            let mut state = self.state();
            state.waiting -= 1;
            if let Err(error) = written {
                state.error.get_or_insert(error);
            }
            drop(state);
            self.written.notify_all();
            self.written_async.notify_waiters();
        }
    }
}

impl Output {
    /// Starts the thread. It ends with the last clone of the returned value, and never if the terminal takes no output.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, texts) = channel();
        let shared = Arc::new(Shared::default());
        let writer = shared.clone();
        std::thread::Builder::new().name("terminal".to_owned()).spawn(move || writer.write_all(&texts, out))?;
        Ok(Self { sender, shared })
    }

    /// Hands over a text. Errors show in [`Output::is_ready`].
    pub fn send(&self, text: Vec<u8>) {
        self.shared.state().waiting += 1;
        if self.sender.send(text).is_err() {
            self.shared.state().waiting -= 1;
        }
    }

    /// Whether the terminal has taken everything.
    ///
    /// # Errors
    ///
    /// Fails if the terminal is gone.
    pub fn is_ready(&self) -> io::Result<bool> {
        let mut state = self.shared.state();
        state.error.take().map_or(Ok(state.waiting == 0), Err)
    }

    /// Waits until the terminal has taken everything, or is gone.
    pub async fn ready(&self) {
        loop {
            let written = self.shared.written_async.notified();
            let mut written = std::pin::pin!(written);
            // From here on no notification is missed.
            written.as_mut().enable();
            if self.shared.state().waiting == 0 {
                return;
            }
            written.await;
        }
    }

    /// Waits as long as [`WAIT`] until the terminal has taken everything. Returns whether it has.
    pub(super) fn wait(&self) -> bool {
        let waited = self.shared.written.wait_timeout_while(self.shared.state(), WAIT, |state| state.waiting > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting == 0
    }
}

/// Buffers a frame and hands it over at once, as a synchronized update that the terminal shows without tearing.
#[derive(Debug)]
pub struct FrameBuffer {
    pub(super) output: Output,
    pub(super) frame: Vec<u8>,
}

/// The sequences around a synchronized update.
const BEGIN_SYNC: &[u8] = b"\x1b[?2026h";
const END_SYNC: &[u8] = b"\x1b[?2026l";

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.is_empty() {
            self.frame.extend_from_slice(BEGIN_SYNC);
        }
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.frame.extend_from_slice(END_SYNC);
            self.output.send(std::mem::take(&mut self.frame));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that takes a text only after it is told to.
    struct Stalled(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.1.lock().map_or_else(|_| Err(io::ErrorKind::Other.into()), |mut taken| taken.write(bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn nothing_waits_for_a_terminal_that_takes_no_output() -> io::Result<()> {
        let (go, stalled) = channel();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let output = Output::start(Stalled(stalled, taken.clone()))?;
        assert!(output.is_ready()?);
        let mut frames = FrameBuffer { output: output.clone(), frame: Vec::new() };
        frames.write_all(b"a frame")?;
        frames.flush()?;
        assert!(!output.is_ready()?);
        assert!(!output.wait(), "it gives up");
        go.send(()).map_err(io::Error::other)?;
        output.ready().await;
        assert!(output.is_ready()?);
        assert_eq!(taken.lock().map(|taken| taken.clone()).unwrap_or_default(), b"\x1b[?2026ha frame\x1b[?2026l");
        drop(go);
        frames.write_all(b"a frame for nobody")?;
        frames.flush()?;
        output.ready().await;
        assert_eq!(output.is_ready().map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
        Ok(())
    }
}

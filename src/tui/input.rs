//! Input of the terminal: keys, the mouse, pasted text, and the terminal's answers, which are no keys however late they come.

mod csi;
mod parser;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::Event;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

use self::parser::Parser;
use super::theme::Background;

/// Something that the terminal sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key, a mouse event or a pasted text.
    Event(Event),
    /// The terminal's background, asked for or because it changed.
    Background(Background),
    /// The user prefers dark or light colours from now on.
    Scheme(Background),
    /// The terminal has answered what it can.
    Answered,
}

/// How long an incomplete sequence waits for its rest. The key Esc is the beginning of one.
const PATIENCE: Duration = Duration::from_millis(25);

/// Chunks of input that wait to be parsed.
const CAPACITY: usize = 16;

/// What the thread that reads sends: bytes on Unix, events elsewhere.
enum Chunk {
    #[cfg(unix)]
    Bytes(Vec<u8>),
    #[cfg(not(unix))]
    Event(Event),
}

/// The input, read on a thread of its own.
#[derive(Debug)]
pub struct Inputs {
    chunks: Receiver<io::Result<Chunk>>,
    parser: Parser,
    parsed: VecDeque<Input>,
    /// When an incomplete sequence is no longer waited for.
    deadline: Option<Instant>,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chunk")
    }
}

impl Inputs {
    /// Starts to read standard input, which is a terminal in raw mode.
    ///
    /// # Errors
    ///
    /// Fails if there can't be another thread.
    pub fn start() -> io::Result<Self> {
        let (sender, chunks) = channel(CAPACITY);
        std::thread::Builder::new().name("input".to_owned()).spawn(move || read(&sender))?;
        Ok(Self { chunks, parser: Parser::default(), parsed: VecDeque::new(), deadline: None })
    }

    /// Returns the inputs that a terminal sends as these bytes, in chunks as they are read.
    #[cfg(all(test, unix))]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let chunks = bytes.chunks(50).map(|bytes| Ok(Chunk::Bytes(bytes.to_vec())));
        let (sender, receiver) = channel(bytes.len());
        for chunk in chunks {
            assert!(sender.try_send(chunk).is_ok());
        }
        Self { chunks: receiver, parser: Parser::default(), parsed: VecDeque::new(), deadline: None }
    }

    /// Waits for the next input; `None` at the end. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the terminal is gone.
    pub async fn next(&mut self) -> Option<io::Result<Input>> {
        loop {
            if let Some(input) = self.parsed.pop_front() {
                return Some(Ok(input));
            }
            tokio::select! {
                chunk = self.chunks.recv() => match chunk? {
                    Ok(chunk) => self.take(chunk),
                    Err(error) => return Some(Err(error)),
                },
                () = sleep_until(self.deadline.unwrap_or_else(Instant::now)), if self.deadline.is_some() => {
                    self.parser.give_up(&mut self.parsed);
                    self.deadline = None;
                }
            }
        }
    }

    /// Returns the next input that is there already.
    pub fn try_next(&mut self) -> Option<io::Result<Input>> {
        while self.parsed.is_empty() {
            match self.chunks.try_recv().ok()? {
                Ok(chunk) => self.take(chunk),
                Err(error) => return Some(Err(error)),
            }
        }
        self.parsed.pop_front().map(Ok)
    }

    fn take(&mut self, chunk: Chunk) {
        match chunk {
            #[cfg(unix)]
            Chunk::Bytes(bytes) => {
                self.parser.parse(&bytes, &mut self.parsed);
                self.deadline = self.parser.is_impatient().then(|| Instant::now() + PATIENCE);
            }
            #[cfg(not(unix))]
            Chunk::Event(event) => self.parsed.push_back(Input::Event(event)),
        }
    }
}

/// Reads until the end of the input or of the receiver.
#[cfg(unix)]
fn read(chunks: &Sender<io::Result<Chunk>>) {
    let input = io::stdin();
    let mut bytes = [0; 4096];
    loop {
        let chunk = match rustix::io::read(&input, &mut bytes) {
            Ok(0) => return,
            Ok(count) => Ok(Chunk::Bytes(bytes[..count].to_vec())),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
        let is_error = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || is_error {
            return;
        }
    }
}

#[cfg(not(unix))]
fn read(chunks: &Sender<io::Result<Chunk>>) {
    loop {
        let event = crossterm::event::read().map(Chunk::Event);
        let is_error = event.is_err();
        if chunks.blocking_send(event).is_err() || is_error {
            return;
        }
    }
}

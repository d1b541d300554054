//! The terminal: taken over, and given back as it was however the program ends.

use std::io::{self, Stdout, Write};

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Collects what one frame writes and sends it in one piece, marked so that the terminal shows it at once.
#[derive(Debug)]
pub struct WholeFrames {
    out: Stdout,
    frame: Vec<u8>,
}

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

impl Write for WholeFrames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.frame.splice(..0, BEGIN.iter().copied());
            self.frame.extend_from_slice(END);
            let frame = std::mem::take(&mut self.frame);
            self.out.write_all(&frame)?;
        }
        self.out.flush()
    }
}

/// The terminal, in raw mode and on its alternate screen until this is dropped.
#[derive(Debug)]
pub struct Screen {
    /// What is painted on.
    pub terminal: Terminal<CrosstermBackend<WholeFrames>>,
}

impl Screen {
    /// Takes the terminal over.
    pub fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        let restore = Restore;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        let out = WholeFrames { out: io::stdout(), frame: Vec::new() };
        let terminal = Terminal::new(CrosstermBackend::new(out))?;
        std::mem::forget(restore);
        Ok(Self { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(Restore);
    }
}

/// Gives the terminal back when dropped. What fails then can't be told to anybody: the terminal may be gone.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

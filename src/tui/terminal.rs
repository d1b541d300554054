//! The terminal: taken over, and given back as it was however the program ends.

use std::io::{self, Stdout, Write};
use std::mem::ManuallyDrop;

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
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
    /// What is painted on. It is never dropped: where the terminal is gone, it would say so on standard error, which is gone too, and panic.
    /// All that it would do is show the cursor again, which is done here.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<WholeFrames>>>,
}

impl Screen {
    /// Takes the terminal over, with or without its mouse.
    pub fn take(mouse: bool) -> io::Result<Self> {
        let restore = Restore;
        enter(mouse)?;
        let out = WholeFrames { out: io::stdout(), frame: Vec::new() };
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        std::mem::forget(restore);
        Ok(Self { terminal })
    }
}

/// Buttons and the wheel, and no movements, which would come by the hundred and mean nothing here; by numbers as wide as the screen.
const MOUSE: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const NO_MOUSE: &str = "\u{1b}[?1006l\u{1b}[?1000l";

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Print(if mouse { MOUSE } else { "" }))
}

/// Gives the terminal to the shell that this was started from, and takes it over again when the shell gives it back. What is on the screen
/// is lost.
#[cfg(unix)]
pub fn suspend(mouse: bool) -> io::Result<()> {
    drop(Restore);
    // The whole group, as the key does in a terminal that is left alone. Nobody stops where no shell could go on.
    rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
    enter(mouse)
}

/// There is no suspending here.
#[cfg(not(unix))]
pub fn suspend(_mouse: bool) -> io::Result<()> {
    Ok(())
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
        let _ = execute!(io::stdout(), Print(NO_MOUSE), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

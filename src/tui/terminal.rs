//! The terminal's raw mode and alternate screen, restored however the program ends.

use std::io::{self, Stdout, Write};
use std::mem::ManuallyDrop;

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Buffers a frame and writes it at once, as a synchronized update that the terminal shows without tearing.
#[derive(Debug)]
pub struct FrameBuffer {
    out: Stdout,
    frame: Vec<u8>,
}

/// The sequences around a synchronized update.
const BEGIN_SYNC: &[u8] = b"\x1b[?2026h";
const END_SYNC: &[u8] = b"\x1b[?2026l";

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.frame.splice(..0, BEGIN_SYNC.iter().copied());
            self.frame.extend_from_slice(END_SYNC);
            let frame = std::mem::take(&mut self.frame);
            self.out.write_all(&frame)?;
        }
        self.out.flush()
    }
}

/// The terminal in raw mode and on its alternate screen. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Screen {
    /// The terminal to draw on. It is never dropped: without a terminal its destructor writes to standard error, which is gone too, and
    /// panics. The destructor of [`Screen`] shows the cursor instead.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<FrameBuffer>>>,
}

impl Screen {
    /// Switches the terminal to raw mode and the alternate screen, with or without mouse events.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        let restore = Restore;
        enter(mouse)?;
        let out = FrameBuffer { out: io::stdout(), frame: Vec::new() };
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        std::mem::forget(restore);
        Ok(Self { terminal })
    }
}

/// Reports buttons and the wheel, but no movements, with coordinates of any size (SGR mode).
const MOUSE_ON: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const MOUSE_OFF: &str = "\u{1b}[?1006l\u{1b}[?1000l";

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Print(if mouse { MOUSE_ON } else { "" }))
}

/// Restores the terminal, stops the process group, and takes the terminal again when the shell continues it. The screen must be redrawn.
#[cfg(unix)]
pub fn suspend(mouse: bool) -> io::Result<()> {
    drop(Restore);
    // The whole process group, like ctrl-z in cooked mode. Nothing stops without a shell that could continue it.
    rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
    enter(mouse)
}

/// Does nothing: this platform can't suspend.
#[cfg(not(unix))]
pub fn suspend(_mouse: bool) -> io::Result<()> {
    Ok(())
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(Restore);
    }
}

/// Restores the terminal when dropped. Errors are ignored, since the terminal may be gone.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), Print(MOUSE_OFF), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

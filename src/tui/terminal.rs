//! The terminal's raw mode and alternate screen, restored however the program ends.
//!
//! A terminal may take no output for as long as it likes (a stalled ssh connection, a suspended terminal program). So a thread of its own
//! writes to it, and nothing else waits for that thread: a frame that the terminal cannot take yet is not drawn.

mod output;

use std::io;

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{queue, terminal};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

pub use self::output::{FrameBuffer, Output};
use crate::job_control::{self, Scope};
use crate::{format, panic_hook};

/// The most cells of a title.
const MAX_TITLE: usize = 120;

/// The largest screen in columns and rows. A terminal may claim any size, and each cell takes memory.
const MAX_SIZE: (u16, u16) = (1000, 500);

/// What the terminal is asked to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modes {
    /// To report mouse events.
    pub mouse: bool,
    /// To tell the colour of its background, and changes between dark and light colours.
    pub asks_background: bool,
    /// To show a title, see [`Screen::set_title`].
    pub title: bool,
}

/// The terminal in raw mode and on its alternate screen. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Screen {
    /// The terminal to draw on.
    pub terminal: Terminal<CrosstermBackend<FrameBuffer>>,
    /// What else is written to the terminal.
    pub output: Output,
    area: Rect,
    modes: Modes,
    title: String,
}

impl Screen {
    /// Switches the terminal to raw mode and the alternate screen.
    ///
    /// # Errors
    ///
    /// Fails if there is no terminal.
    pub fn enter(modes: Modes) -> io::Result<Self> {
        let area = area()?;
        let output = Output::start(io::stdout())?;
        let frames = FrameBuffer { output: output.clone(), frame: Vec::new() };
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let terminal = Terminal::with_options(CrosstermBackend::new(frames), options)?;
        enable_raw_mode()?;
        output.send(enter_sequence(modes)?);
        let after_panic = output.clone();
        panic_hook::before_end(move || {
            leave(&after_panic, modes);
        });
        Ok(Self { terminal, output, area, modes, title: String::new() })
    }

    /// Shows text in the terminal's title, if [`Modes::title`] says so.
    pub fn set_title(&mut self, title: String) {
        if self.modes.title && title != self.title {
            self.output.send(title_sequence(&title));
            self.title = title;
        }
    }

    /// Adapts to the terminal's size and returns the area to draw on.
    ///
    /// # Errors
    ///
    /// Fails if the terminal is gone.
    pub fn fit(&mut self) -> io::Result<Rect> {
        let area = area()?;
        if area != self.area {
            self.terminal.resize(area)?;
            self.area = area;
        }
        Ok(area)
    }

    /// Restores the terminal, stops, and takes the terminal again when the shell continues the program. The next frame redraws everything.
    /// Nothing stops while the terminal takes no output, or on a platform that can't suspend.
    ///
    /// # Errors
    ///
    /// Fails if the terminal is gone.
    #[cfg(unix)]
    pub fn suspend(&mut self, scope: Scope) -> io::Result<()> {
        if leave(&self.output, self.modes) {
            job_control::stop(scope)?;
        }
        enable_raw_mode()?;
        self.output.send(enter_sequence(self.modes)?);
        self.title.clear();
        // The shell has written to the screen.
        self.terminal.swap_buffers();
        Ok(())
    }

    /// Does nothing: this platform can't suspend.
    ///
    /// # Errors
    ///
    /// Never.
    #[cfg(not(unix))]
    pub fn suspend(&mut self, _scope: Scope) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave(&self.output, self.modes);
    }
}

/// Restores the terminal. Returns whether it took the output in time. Errors are ignored, since the terminal may be gone.
fn leave(output: &Output, modes: Modes) -> bool {
    output.send(leave_sequence(modes));
    let is_taken = output.wait();
    let _ = disable_raw_mode();
    is_taken
}

/// Returns the screen's area, at most [`MAX_SIZE`].
fn area() -> io::Result<Rect> {
    let (width, height) = terminal::size()?;
    Ok(Rect::new(0, 0, width.min(MAX_SIZE.0), height.min(MAX_SIZE.1)))
}

/// Reports buttons and the wheel, but no movements, with coordinates of any size (SGR mode).
const MOUSE_ON: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const MOUSE_OFF: &str = "\u{1b}[?1006l\u{1b}[?1000l";

/// Asks for the colour of the background.
pub const ASK_BACKGROUND: &str = "\u{1b}]11;?\u{1b}\\";

/// Reports changes between dark and light colours from now on. Every terminal answers the last question, so that nothing waits for an
/// answer that does not come.
const BACKGROUND_ON: &str = "\u{1b}[?2031h\u{1b}]11;?\u{1b}\\\u{1b}[c";
const BACKGROUND_OFF: &str = "\u{1b}[?2031l";

fn enter_sequence(modes: Modes) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let given = |is_on: bool, sequence: &'static str| if is_on { sequence } else { "" };
    queue!(text, EnterAlternateScreen, Clear(ClearType::All), EnableBracketedPaste, Print(given(modes.mouse, MOUSE_ON)))?;
    queue!(text, Print(given(modes.asks_background, BACKGROUND_ON)), Print(given(modes.title, SAVE_TITLE)))?;
    Ok(text)
}

/// Keeps the title on the terminal's stack. A terminal without one shows none in the end.
const SAVE_TITLE: &str = "\u{1b}[22;0t";
const RESTORE_TITLE: &str = "\u{1b}]0;\u{1b}\\\u{1b}[23;0t";

/// Returns the sequence that sets the title. The text is made safe: its controls would end the sequence and could begin another.
fn title_sequence(title: &str) -> Vec<u8> {
    format!("\u{1b}]0;{}\u{1b}\\", format::fit(&format::safe(title), MAX_TITLE)).into_bytes()
}

fn leave_sequence(modes: Modes) -> Vec<u8> {
    let mut text = Vec::new();
    let given = |is_on: bool, sequence: &'static str| if is_on { sequence } else { "" };
    // Writing to memory does not fail.
    let _ = queue!(
        text,
        Print(MOUSE_OFF),
        Print(given(modes.asks_background, BACKGROUND_OFF)),
        Print(given(modes.title, RESTORE_TITLE)),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_can_not_end_its_sequence() {
        let title = String::from_utf8(title_sequence("✗1 a\u{1b}]52;c;x\u{7}\u{9c}b\n")).unwrap();
        let inner = title.strip_prefix("\u{1b}]0;").and_then(|title| title.strip_suffix("\u{1b}\\")).unwrap();
        assert!(inner.starts_with("✗1 a") && !inner.contains(char::is_control), "{inner:?}");
        assert!(title_sequence(&"x".repeat(1000)).len() < 200);
    }

    #[test]
    fn what_is_not_wanted_is_not_asked_for() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let both = |modes| (text(enter_sequence(modes).unwrap()), text(leave_sequence(modes)));
        let (enter, leave) = both(Modes::default());
        assert!(!enter.contains("2031") && !enter.contains("]11;") && !enter.contains("22;0t"), "{enter:?}");
        assert!(!leave.contains("2031") && !leave.contains("]0;") && !leave.contains("23;0t"), "{leave:?}");
        let (enter, leave) = both(Modes { mouse: true, asks_background: true, title: true });
        assert!(enter.contains("[?2031h") && enter.contains(ASK_BACKGROUND) && enter.contains(SAVE_TITLE), "{enter:?}");
        assert!(leave.contains("[?2031l") && leave.contains(RESTORE_TITLE), "{leave:?}");
    }
}

//! The clipboard of the terminal's user, local or remote, and the terminal's bell.
//!
//! OSC 52 asks the terminal itself, which also works over ssh. In its default configuration tmux drops that sequence, so inside tmux its own
//! `load-buffer` command sets tmux's buffer and the terminal's clipboard.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crossterm::clipboard::CopyToClipboard;
use crossterm::queue;

use super::terminal::Output;

/// The largest text, in bytes, that is copied; no known terminal takes as much.
pub const MAX_SIZE: usize = 1 << 20;

/// The largest text, in bytes, that every terminal with OSC 52 takes: it makes a sequence of 100 000 bytes.
pub const PORTABLE_SIZE: usize = 74_994;

/// Copies `text` through the terminal.
///
/// # Errors
///
/// Fails if the text can't be encoded.
pub fn copy_to_terminal(output: &Output, text: &str) -> io::Result<()> {
    let mut sequence = Vec::new();
    queue!(sequence, CopyToClipboard::to_clipboard_from(text))?;
    output.send(sequence);
    Ok(())
}

/// Copies `text` through the tmux (3.2 or later) that the program runs in. Fails if there is none or if it refuses the text.
pub fn copy_to_tmux(text: &str) -> io::Result<()> {
    let mut tmux = Command::new("tmux");
    tmux.args(["load-buffer", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut tmux = tmux.spawn()?;
    let written = tmux.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let status = tmux.wait()?;
    written?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("tmux ended with {status}"))) }
}

/// Rings the terminal's bell.
pub fn ring_bell(output: &Output) {
    output.send(b"\x07".to_vec());
}

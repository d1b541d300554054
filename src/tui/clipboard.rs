//! The clipboard of whoever looks at the terminal, near or far.
//!
//! OSC 52 asks the terminal itself, which takes it over ssh too. Between an application and the terminal, tmux as it is set up by default
//! drops it, so that inside tmux its own command is asked, which sets tmux's buffer and the terminal's clipboard.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Bytes of text beyond which nothing is copied: no terminal is known to take so much.
pub const LARGEST: usize = 1 << 20;

/// Bytes of text that every terminal with OSC 52 takes: 100 000 bytes of sequence.
pub const SURE: usize = 74_994;

/// The sequence that puts `text` into the clipboard.
#[must_use]
pub fn sequence(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", BASE64.encode(text))
}

/// Hands `text` to the terminal. An error says that the terminal is gone.
pub fn to_terminal(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(sequence(text).as_bytes())?;
    out.flush()
}

/// Rings the terminal's bell.
pub fn ring() {
    let mut out = io::stdout();
    // A terminal that is gone hears nothing.
    let _ = out.write_all(b"\x07").and_then(|()| out.flush());
}

/// Hands `text` to the tmux that this runs in (3.2 or later). An error says that there is none or that it would not take it.
pub fn to_tmux(text: &str) -> io::Result<()> {
    let mut tmux = Command::new("tmux");
    tmux.args(["load-buffer", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut tmux = tmux.spawn()?;
    let written = tmux.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let status = tmux.wait()?;
    written?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("tmux ended with {status}"))) }
}

//! Progress on a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a progress bar, hidden if standard error is not a terminal. `unit` names what is counted, `done` what happens to it.
pub(super) fn progress_bar(total: u64, unit: &str, done: &'static str) -> ProgressBar {
    let progress = if io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
    let template = format!("{{bar:30}} {{human_pos}} of {{human_len}} {unit} {done}, {{per_sec}}  {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        progress.set_style(style);
    }
    progress
}

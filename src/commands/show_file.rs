//! Shows a file with the program that the desktop has for it, without a shell.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use eyre::{Context, Report, bail};

/// The programs that show a file.
const OPENERS: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else if cfg!(windows) {
    &["explorer"]
} else {
    &["xdg-open", "wslview"]
};

/// How long a program may take to say that it can't show the file; one that goes on is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows a file.
///
/// # Errors
///
/// If there is no such program, or it fails.
pub(super) fn show_file(path: &Path) -> Result<(), Report> {
    // An absolute path is no option.
    let path = std::path::absolute(path).wrap_err_with(|| format!("can't open {}", path.display()))?;
    for opener in OPENERS {
        let mut command = Command::new(opener);
        let started = command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).wrap_err_with(|| format!("can't start {opener}")),
        };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match child.try_wait()? {
                // The explorer of Windows fails even if it shows the file.
                Some(status) if !status.success() && !cfg!(windows) => {
                    bail!("{opener} can't show {} ({status})", path.display());
                }
                Some(_) => return Ok(()),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        return Ok(());
    }
    bail!("nothing here shows files ({} is not installed): open {} in a browser", OPENERS.join(" or "), path.display())
}

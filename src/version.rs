//! Which version of the program this is: its number, its commit, and how it was installed.

mod channel;

use std::fmt::Write;

pub use channel::Channel;

/// The commit that was built and its date (`fad306f 2026-11-29`); `None` in debug builds and in builds without the repository.
const COMMIT: Option<&str> = option_env!("AGNO_TOP_COMMIT");

/// Returns what `--version` prints: a line with the version and the commit, and one with the installer and the command for an upgrade.
/// What is unknown is left out.
#[must_use]
pub fn text() -> String {
    describe(COMMIT, channel())
}

/// Returns the channel that this program was installed through; `None` if unknown.
#[must_use]
pub fn channel() -> Option<Channel> {
    // Installers of tools put a symbolic link on the path.
    Channel::of(&std::env::current_exe().ok()?.canonicalize().ok()?)
}

fn describe(commit: Option<&str>, channel: Option<Channel>) -> String {
    let mut text = format!("agno-top {}", env!("CARGO_PKG_VERSION"));
    if let Some(commit) = commit {
        let _ = write!(text, " ({commit})");
    }
    text.push('\n');
    if let Some(channel) = channel {
        let _ = writeln!(text, "installed with {}, upgrade: {}", channel.installer(), channel.upgrade_command());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_parts_are_left_out() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(describe(None, None), format!("agno-top {version}\n"));
        assert_eq!(
            describe(Some("fad306f 2026-11-29"), Some(Channel::UvTool)),
            format!("agno-top {version} (fad306f 2026-11-29)\ninstalled with uv, upgrade: uv tool upgrade agno-top\n")
        );
    }
}

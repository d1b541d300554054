//! Checks of the terminal: its type, colours, characters and clipboard.

use std::io::IsTerminal;
use std::process::{Command, Stdio};

use super::{Check, State};
use crate::config::Config;
use crate::tui::theme::{AUTO, Background, ColorSupport};

/// The version of tmux from which on it passes texts on to the terminal's clipboard, and the one from which on it tells the background.
const TMUX_CLIPBOARD: (u32, u32) = (3, 2);
const TMUX_BACKGROUND: (u32, u32) = (3, 4);

/// Whether the program runs in tmux, and in which version.
#[derive(Clone, Copy, Debug)]
enum Tmux {
    No,
    /// There is no program tmux to ask.
    Unknown,
    Version((u32, u32)),
}

/// Returns what is found out from the environment and tmux.
pub(super) fn checks(variable: &dyn Fn(&str) -> Option<String>, config: &Config) -> Vec<Check> {
    let is_tmux = variable("TMUX").is_some_and(|tmux| !tmux.is_empty());
    let tmux = if is_tmux { tmux_version().map_or(Tmux::Unknown, Tmux::Version) } else { Tmux::No };
    vec![terminal(variable), characters(variable, config.ascii), colours(variable, &config.theme, tmux), clipboard(variable, tmux)]
}

fn terminal(variable: &dyn Fn(&str) -> Option<String>) -> Check {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Check::new("terminal", State::Note, "standard input or output is no terminal here, so agno-top shows no screen")
            .with_fix("agno-top list, show, stats and tail need none");
    }
    let (columns, lines) = crossterm::terminal::size().unwrap_or_default();
    let term = variable("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Check::new("terminal", State::Trouble, "TERM does not name a terminal that can be drawn on")
            .with_fix("export TERM=xterm-256color");
    }
    Check::ok("terminal", format!("{term}, {columns} × {lines}"))
}

fn characters(variable: &dyn Fn(&str) -> Option<String>, is_ascii: bool) -> Check {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|locale| !locale.is_empty()).unwrap_or_default();
    let upper = locale.to_ascii_uppercase();
    match () {
        () if is_ascii => Check::ok("characters", "ASCII, as configured"),
        () if upper.contains("UTF-8") || upper.contains("UTF8") => Check::ok("characters", format!("Unicode ({locale})")),
        () => {
            let found = if locale.is_empty() { "no locale is set".to_owned() } else { format!("the locale is {locale}") };
            Check::new("characters", State::Note, format!("{found}; if boxes and signs look broken:"))
                .with_fix("export LANG=C.UTF-8, or agno-top --ascii")
        }
    }
}

fn colours(variable: &dyn Fn(&str) -> Option<String>, theme: &str, tmux: Tmux) -> Check {
    let support = ColorSupport::detect(variable);
    let known = match Background::detect(variable) {
        _ if theme != AUTO || !matches!(support, ColorSupport::Indexed | ColorSupport::True) => "the background does not matter",
        Some(Background::Dark) => "a dark background (COLORFGBG)",
        Some(Background::Light) => "a light background (COLORFGBG)",
        None if matches!(tmux, Tmux::Version(version) if version < TMUX_BACKGROUND) => "tmux before 3.4 tells no background",
        None => "the terminal is asked for its background",
    };
    let (text, fix) = match support {
        ColorSupport::None => ("none, because of NO_COLOR or TERM", None),
        ColorSupport::Sixteen => ("16", Some("export TERM=xterm-256color if the terminal has more")),
        ColorSupport::Indexed => ("256", Some("export COLORTERM=truecolor if the terminal has 24-bit colours")),
        ColorSupport::True => ("24-bit", None),
    };
    let check = Check::ok("colours", format!("{text}; theme {theme}; {known}"));
    fix.map_or(check.clone(), |fix| check.with_fix(fix))
}

fn clipboard(variable: &dyn Fn(&str) -> Option<String>, tmux: Tmux) -> Check {
    match tmux {
        Tmux::Unknown => {
            Check::new("clipboard", State::Note, "this is tmux, and no program tmux is found to copy with; agno-top asks the terminal")
                .with_fix("tmux set -g set-clipboard on")
        }
        Tmux::Version(version) if version < TMUX_CLIPBOARD => {
            Check::new("clipboard", State::Note, format!("tmux {}.{} does not pass texts on", version.0, version.1))
                .with_fix("tmux 3.2 or later, or tmux set -g set-clipboard on")
        }
        Tmux::Version(_) => Check::ok("clipboard", "through tmux"),
        Tmux::No if variable("SSH_TTY").is_some() => Check::ok("clipboard", "of the terminal on your side of ssh, if it takes OSC 52"),
        Tmux::No => Check::ok("clipboard", "of the terminal, if it takes OSC 52"),
    }
}

/// Returns the major and minor version of tmux; `None` if there is none.
fn tmux_version() -> Option<(u32, u32)> {
    let output = Command::new("tmux").arg("-V").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Returns the first two numbers of a version such as `tmux 3.3a`.
pub(super) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[from..].split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("tmux 3.3a\n"), Some((3, 3)));
        assert_eq!(parse_version("tmux next-3.6"), Some((3, 6)));
        assert_eq!([parse_version("3"), parse_version("x"), parse_version("99999999999")], [Some((3, 0)), None, None]);
    }

    #[test]
    fn the_environment_tells_characters_colours_and_clipboard() {
        let set = |variables: &'static [(&str, &str)]| {
            move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(characters(&set(&[("LANG", "de_DE.UTF-8")]), false).state, State::Ok);
        assert_eq!(characters(&set(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]), false).state, State::Note);
        assert_eq!(characters(&set(&[]), true).state, State::Ok);
        let colour = colours(&set(&[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]), "auto", Tmux::No);
        assert_eq!(colour.text, "256; theme auto; a light background (COLORFGBG)");
        assert!(
            colours(&set(&[("TERM", "tmux-256color")]), "auto", Tmux::Version((3, 3)))
                .text
                .ends_with("tmux before 3.4 tells no background")
        );
        assert_eq!(colours(&set(&[("TERM", "linux")]), "auto", Tmux::No).text, "16; theme auto; the background does not matter");
        assert!(clipboard(&set(&[]), Tmux::Version((3, 1))).fix.is_some());
        assert_eq!(clipboard(&set(&[]), Tmux::Version((3, 2))).fix, None);
    }
}

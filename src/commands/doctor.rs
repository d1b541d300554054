//! `agno-top doctor`: what is needed, and each trouble with what mends it.

mod python;
mod sources;
mod terminal;

use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, TcpListener};

use eyre::Report;
use serde::Serialize;

use super::output::{Output, Style, StyledText};
use super::{Outcome, ignore_broken_pipe, json, open};
use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::format;
use crate::store::RunStatus;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Something does not work.
    Trouble,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// What was checked, in one word.
    #[serde(rename = "check")]
    subject: &'static str,
    state: State,
    /// What was found.
    text: String,
    /// A command, or what to do; `None` if there is nothing to do.
    fix: Option<String>,
}

impl Check {
    fn new(subject: &'static str, state: State, text: impl Into<String>) -> Self {
        Self { subject, state, text: text.into(), fix: None }
    }

    fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(subject, State::Ok, text)
    }

    fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Checks everything and prints what was found. The outcome is [`Outcome::Missing`], exit code 1, if there is any trouble.
pub(super) fn run(args: &DoctorArgs, config: &Config) -> Result<Outcome, Report> {
    let named = if args.sources.is_empty() { &config.sources } else { &args.sources };
    let variable = |name: &str| std::env::var(name).ok();
    let mut checks = terminal::checks(&variable, config);
    checks.push(configuration(config));
    checks.extend(ports(config, !named.is_empty()));
    checks.push(socket(config));
    checks.extend(sources::checks(&open::paths(named, config), config)?);
    checks.extend(python::checks(&variable));
    let has_trouble = checks.iter().any(|check| check.state == State::Trouble);
    let outcome = if has_trouble { Outcome::Missing } else { Outcome::Done };
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        checks.iter().try_for_each(|check| json::line(&mut out, check))
    } else {
        write(&mut out, &checks, Output::stdout(config.ascii))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), outcome)
}

/// Writes a line for each check, and below it what mends it.
fn write(out: &mut impl Write, checks: &[Check], output: Output) -> io::Result<()> {
    // Messages and commands are worth more than the width of the terminal.
    let output = Output { width: None, ..output };
    let width = checks.iter().map(|check| check.subject.len()).max().unwrap_or_default();
    for Check { subject, state, text, fix } in checks {
        let (sign, style) = match state {
            State::Ok => ("✓", Style::Plain),
            State::Note => ("·", Style::Dim),
            State::Trouble => ("✗", Style::Status(RunStatus::Error)),
        };
        let name = format::pad_right(subject, width);
        output
            .line(out, &[StyledText::new(sign, style), StyledText::new(&format!(" {name}  "), Style::Dim), StyledText::new(text, style)])?;
        if let Some(fix) = fix {
            output.line(out, &[StyledText::new(&format!("  {:width$}  → {fix}", ""), Style::Strong)])?;
        }
    }
    Ok(())
}

fn configuration(config: &Config) -> Check {
    match config.path() {
        Some(path) if path.exists() => Check::ok("settings", path.display().to_string()),
        Some(path) => Check::ok("settings", format!("the defaults; {} does not exist", path.display())).with_fix("agno-top config --init"),
        None => Check::new("settings", State::Note, "the defaults; there is no home directory"),
    }
}

/// Checks the ports that the screen would listen on.
fn ports(config: &Config, is_source_named: bool) -> Vec<Check> {
    let (grpc, http) = config.otlp.protocols(is_source_named);
    if !grpc && !http {
        let note = Check::new("otlp", State::Note, "agno-top does not listen for OTLP with these sources and settings");
        return vec![note.with_fix("agno-top --otlp listens")];
    }
    let wanted = [(grpc, "gRPC", "--grpc", config.grpc.0), (http, "HTTP", "--http", config.http.0)];
    wanted.into_iter().filter(|(is_wanted, ..)| *is_wanted).map(|(_, protocol, flag, address)| port(protocol, flag, address)).collect()
}

fn port(protocol: &str, flag: &str, address: SocketAddr) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::ok("otlp", format!("{address} is free for {protocol}")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Check::new("otlp", State::Trouble, format!("another program listens on {address}, perhaps another agno-top"))
                .with_fix(format!("agno-top {flag} ADDRESS:PORT for another address, or --no-otlp"))
        }
        Err(error) => Check::new("otlp", State::Trouble, format!("can't listen on {address} for {protocol}: {error}"))
            .with_fix(format!("agno-top {flag} 127.0.0.1:PORT")),
    }
}

/// Tells which screens answer `agno-top mcp`, and whom.
#[cfg(unix)]
fn socket(config: &Config) -> Check {
    if !config.socket {
        return Check::new("socket", State::Note, "screens answer no agent: the setting socket is off");
    }
    match super::mcp::listening() {
        Ok((folder, open)) if open.is_empty() => {
            let folder = folder.display();
            Check::ok("socket", format!("no screen is open; one would answer agno-top mcp in {folder}, which only this user may enter"))
        }
        Ok((_, open)) => {
            let paths: Vec<String> = open.iter().map(|path| path.display().to_string()).collect();
            let screens = format::plural(open.len() as u64, "open screen");
            let answers = if open.len() == 1 { "answers" } else { "answer" };
            Check::ok("socket", format!("{screens} {answers} agno-top mcp, of this user only: {}", paths.join(", ")))
        }
        Err(error) => Check::new("socket", State::Trouble, format!("screens answer no agent: {error}")),
    }
}

#[cfg(not(unix))]
fn socket(_: &Config) -> Check {
    Check::new("socket", State::Note, "screens answer no agent on this system")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_program_has_is_trouble() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let taken = port("HTTP", "--http", address);
        assert_eq!(taken.state, State::Trouble);
        assert!(taken.text.contains(&address.to_string()) && taken.fix.unwrap().contains("--http"));
        drop(other);
        assert_eq!(port("HTTP", "--http", address).state, State::Ok);
    }

    #[test]
    fn lines_are_aligned_and_safe() {
        let checks = [Check::ok("a", "x\u{1b}[2J"), Check::new("long", State::Trouble, "y").with_fix("z")];
        let mut out = Vec::new();
        write(&mut out, &checks, Output::default()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "✓ a     x\n✗ long  y\n        → z\n");
    }
}

//! Coding agents, which are told to send for one start, without a change of their files.

use std::ffi::OsString;

use crate::commands::setup as places;
use crate::config::Config;
use crate::run::{ChildEnvironment, Previous};
use crate::setup;

/// Adds what makes a coding agent send, and returns the command line. The text says why one sends elsewhere.
///
/// Prompts and answers are requested only if no other endpoint receives them.
pub(super) fn prepare(
    command: &[OsString],
    port: u16,
    environment: &mut ChildEnvironment,
    previous: &Previous,
    config: &Config,
) -> (Vec<OsString>, Option<String>) {
    let unchanged = command.to_vec();
    let Some((program, rest)) = command.split_first() else { return (unchanged, None) };
    let (Some(agent), Ok(environment_of_agent)) = (setup::agent_of(program), places::environment()) else { return (unchanged, None) };
    let (endpoint, usual) = (format!("http://127.0.0.1:{port}"), places::endpoint(config.http.0));
    match setup::once(agent, &endpoint, &usual, *previous == Previous::None, &environment_of_agent) {
        Ok(once) => {
            let is_free = |name: &str| std::env::var_os(name).is_none();
            environment.set.extend(once.variables.into_iter().filter(|(name, _)| is_free(name)).map(|(name, value)| (name, value.into())));
            let arguments = once.arguments.into_iter().map(OsString::from);
            (std::iter::once(program.clone()).chain(arguments).chain(rest.iter().cloned()).collect(), None)
        }
        Err(error) => (unchanged, Some(format!("{} is not followed: {error}", program.display()))),
    }
}

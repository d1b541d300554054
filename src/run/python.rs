//! The files that trace a Python program from its start, and the flags that keep Python from reading them.

use std::ffi::OsString;
use std::path::Path;

/// The module that traces, which also works by itself.
pub const SETUP_MODULE: &str = include_str!("../../assets/run/agno_top_tracing.py");

/// Python imports this module when it starts.
pub(super) const START_HOOK: &str = include_str!("../../assets/run/sitecustomize.py");

/// Returns the flag of a Python command line that keeps Python from tracing: `-I`, `-E` or `-S`.
#[must_use]
pub fn ignored_flag(command: &[OsString]) -> Option<char> {
    let (program, arguments) = command.split_first()?;
    let name = Path::new(program).file_name()?.to_str()?;
    if !name.starts_with("python") && !name.starts_with("pypy") {
        return None;
    }
    let mut arguments = arguments.iter().map_while(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        let letters = argument.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'))?;
        for (index, letter) in letters.char_indices() {
            match letter {
                'I' | 'E' | 'S' => return Some(letter),
                // The program begins here.
                'c' | 'm' => return None,
                // They take a value, in the same argument or the next one.
                'W' | 'X' => {
                    if index + 1 == letters.len() {
                        arguments.next();
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_before_the_program_that_keep_python_from_tracing_are_found() {
        let flag = |line: &str| ignored_flag(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for (line, expected) in [
            ("python3 -I agent.py", Some('I')),
            ("/usr/bin/python3.12 -uE agent.py", Some('E')),
            ("python -X dev -S -m pkg", Some('S')),
            ("python -Xdev agent.py -I", None),
            ("python -m pkg -E", None),
            ("python -W ignore agent.py", None),
            ("node -I x", None),
            ("python", None),
        ] {
            assert_eq!(flag(line), expected, "{line}");
        }
    }
}

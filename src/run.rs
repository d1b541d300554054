//! Running a program so that it sends to this process: its environment, and the Python files that trace it without a change of its code.

mod environment;
mod python;

pub use environment::{ChildEnvironment, Listener, Previous, child_environment};
pub use python::{Injection, SETUP_MODULE, ignored_flag, read_notes};

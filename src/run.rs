//! Running a program so that it sends to this process: its environment, and the Python files that trace it without a change of its code.

mod environment;
mod facts;
mod folder;
mod program;
mod python;

pub use environment::{ChildEnvironment, Listener, Previous, child_environment};
pub use facts::Facts;
pub use folder::{Files, Injection, UnsentSpans, read_notes, read_unsent};
pub use program::{Refusal, become_program, find_program, guarded, quoted};
pub use python::{SETUP_MODULE, ignored_flag};

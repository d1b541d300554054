//! Programs and environments that tracing does not fit: each runs as it would alone, and the reason is said.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{command, text};
use crate::real::python;

/// Runs Python code under agno-top, with a folder on its path. Returns its output and what was told.
fn python_code(python: &std::ffi::OsStr, directory: &Path, flags: &[&str], code: &str) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(["run", "--"]).arg(python).args(flags).args(["-c", code]).env("PYTHONPATH", directory).current_dir(directory);
    let output = command.env("XDG_CONFIG_HOME", directory).env("XDG_STATE_HOME", directory).output().unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn packages_whose_versions_do_not_fit_are_named_with_the_command() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let metadata = directory.path().join("agno-0.1.0.dist-info");
    std::fs::create_dir_all(&metadata).unwrap();
    std::fs::create_dir(directory.path().join("agno")).unwrap();
    std::fs::write(directory.path().join("agno/__init__.py"), "").unwrap();
    std::fs::write(metadata.join("METADATA"), "Metadata-Version: 2.1\nName: agno\nVersion: 0.1.0\n").unwrap();
    let (output, told) = python_code(&python, directory.path(), &[], "import agno; print('ran')");
    assert_eq!(output, "ran\n", "{told}");
    assert!(
        told.contains("Agno is not traced: its version") && told.contains("--upgrade agno openinference-instrumentation-agno"),
        "{told}"
    );
}

#[test]
fn a_python_that_is_too_old_is_named() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    // The module that traces starts in each Python; here in one that takes itself for an old one.
    std::fs::write(directory.path().join("sitecustomize.py"), "import sys\nsys.version_info = (3, 7, 9, 'final', 0)\n").unwrap();
    let (output, told) = python_code(&python, directory.path(), &[], "print('ran')");
    assert_eq!(output, "ran\n", "{told}");
    assert!(told.contains("Python 3.7 is too old to be traced"), "{told}");
}

#[test]
fn flags_that_keep_python_from_tracing_are_named() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (output, told) = python_code(&python, directory.path(), &["-I"], "print('ran')");
    assert_eq!(output, "ran\n");
    assert!(told.contains("Python was started with -I, which keeps it from being traced"), "{told}");
}

#[test]
fn a_broken_instrumentation_harms_only_the_trace() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("openinference_instrumentation_chat-1.0.dist-info");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(directory.path().join("chat.py"), "answer = 42\n").unwrap();
    std::fs::write(directory.path().join("broken_chat.py"), "raise SyntaxError('broken')\n").unwrap();
    std::fs::write(folder.join("entry_points.txt"), "[opentelemetry_instrumentor]\nchat = broken_chat:Instrumentor\n").unwrap();
    std::fs::write(folder.join("METADATA"), "Name: openinference-instrumentation-chat\n").unwrap();
    let (output, told) = python_code(&python, directory.path(), &[], "import chat; print(chat.answer)");
    assert_eq!(output, "42\n", "{told}");
}

#[test]
fn a_program_without_standard_error_and_with_a_gigabyte_of_output_runs_as_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = command(directory.path(), &[], "exec 2>&-; head -c 1000000000 /dev/zero; printf '\\033]0;x\\007'");
    let mut program = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut output, mut part, mut count, mut end) = (program.stdout.take().unwrap(), vec![0; 1 << 20], 0, Vec::new());
    while let Ok(size @ 1..) = output.read(&mut part) {
        count += size;
        end = [&end[end.len().saturating_sub(6)..], &part[..size]].concat();
    }
    assert!(program.wait().unwrap().success());
    assert_eq!(count, 1_000_000_000 + 6);
    assert!(end.ends_with(b"\x1b]0;x\x07"), "nothing is changed");
}

#[test]
fn a_program_without_traces_is_told_the_reason() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let told = |code: &str| python_code(&python, directory.path(), &[], code).1;
    let nothing = told("pass");
    assert!(nothing.contains("no traces: Python ran, and imported neither Agno nor anything else"), "{nothing}");
    let agno = told("import agno");
    assert!(agno.contains("no traces: Agno is traced, and nothing of it ran"), "{agno}");
    std::fs::write(directory.path().join("cohere.py"), "").unwrap();
    let missing = told("import cohere");
    assert!(missing.contains("no traces: cohere is not traced: its instrumentation is not installed; "), "{missing}");
    assert!(missing.contains(" install ") && missing.ends_with(" openinference-instrumentation-cohere\n"), "{missing}");
}

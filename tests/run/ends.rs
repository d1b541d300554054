//! How agno-top and its program end: by whatever signal, nothing is left behind.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::channel;

use rustix::process::{Pid, Signal, kill_process};

use crate::programs::{PATIENCE, command, run, text, wait_for};

/// Lives until it is told to end.
const LIVES: &str = "echo ready > ready; while [ ! -e end ]; do sleep 0.02; done";

fn send(program: &std::process::Child, signal: Signal) {
    kill_process(Pid::from_raw(program.id() as i32).unwrap(), signal).unwrap();
}

#[test]
fn signals_are_passed_on() {
    for (signal, name) in
        [(Signal::INT, "INT"), (Signal::QUIT, "QUIT"), (Signal::TERM, "TERM"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")]
    {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("trap 'echo stopped; exit 5' {name}; {LIVES}");
        let mut program = command(directory.path(), &[], &script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&directory.path().join("ready"), &mut program);
        send(&program, signal);
        let output = program.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(5), "stopped\n"), "{name}");
    }
}

/// Returns the private folders in a folder for temporary files.
fn private_folders(parent: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_ends_with_an_agno_top_that_is_killed_and_the_next_one_removes_its_folder() {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut killed = command(directory.path(), &[], LIVES);
    let mut killed = killed.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&directory.path().join("ready"), &mut killed);
    let [folder] = &private_folders(&temporary)[..] else { panic!("one folder") };
    let mut output = killed.stdout.take().unwrap();
    let (sender, ended) = channel();
    std::thread::spawn(move || {
        // The end of the output is the end of the last process that holds it.
        let _ = output.read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let has_ended = ended.recv_timeout(PATIENCE).is_ok();
    // Whatever the result, no process stays.
    std::fs::write(directory.path().join("end"), "").unwrap();
    assert!(has_ended, "the program outlives agno-top");
    assert!(folder.exists());
    let mut next = command(directory.path(), &[], "true");
    assert!(next.env("TMPDIR", &temporary).output().unwrap().status.success());
    assert_eq!(private_folders(&temporary), Vec::<PathBuf>::new());
}

#[test]
fn a_temporary_folder_that_can_not_be_on_a_path_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("a:b");
    std::fs::create_dir(&temporary).unwrap();
    let script = r#"test -f "${PYTHONPATH%%:*}/sitecustomize.py" && echo found"#;
    let output = command(directory.path(), &[], script).env("TMPDIR", &temporary).output().unwrap();
    assert_eq!(text(&output.stdout), "found\n", "{}", text(&output.stderr));
    assert_eq!(private_folders(&temporary), Vec::<PathBuf>::new());
    let usual = run(directory.path(), &[], script);
    assert_eq!(text(&usual.stdout), "found\n");
}

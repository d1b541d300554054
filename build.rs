//! States the commit that is built, as `AGNO_TOP_COMMIT` (`fad306f 2026-11-29`, or `fad306f-dirty 2026-11-29` if files differ from it).
//! The variable is not set where nothing states the commit, such as in a source distribution, or in a debug build: there each commit would
//! compile everything again.

#![allow(clippy::print_stdout, reason = "Cargo reads it")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AGNO_TOP_COMMIT");
    if env::var("PROFILE").as_deref() != Ok("release") || env::var_os("AGNO_TOP_COMMIT").is_some() {
        return;
    }
    // A source distribution may be unpacked inside another repository, whose commit says nothing about it.
    if !Path::new(".git").exists() {
        return;
    }
    let (Some(commit), Some(date)) = (git(&["describe", "--always", "--dirty", "--exclude=*"]), git(&["log", "-1", "--format=%cs"])) else {
        return;
    };
    println!("cargo::rustc-env=AGNO_TOP_COMMIT={commit} {date}");
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=src");
}

/// Returns what git prints; `None` if there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

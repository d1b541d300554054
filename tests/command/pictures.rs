//! `export --format svg`, and `--open`.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::Program;

#[test]
fn a_picture_holds_the_tree_in_the_theme() {
    let program = Program::new();
    let svg = program.text(&["export", "8354", "traces.db", "--format", "svg"]);
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "), "{svg}");
    for wanted in [">Support Agent</text>", ">refund_order</text>", ">✗ payment gateway refused refund", "fill=\"#080808\""] {
        assert!(svg.contains(wanted), "{wanted}: {svg}");
    }
    let light = program.command(&["export", "8354", "traces.db", "--format", "svg"]).env("AGNO_TOP_THEME", "light").output().unwrap();
    let light = String::from_utf8(light.stdout).unwrap();
    assert!(light.contains("refund_order") && !light.contains("fill=\"#080808\""), "{light}");
}

#[test]
fn a_file_is_shown_without_a_shell() {
    let program = Program::new();
    let bin = program.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let opener = |script: &str| {
        std::fs::write(bin.join("xdg-open"), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(bin.join("xdg-open"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let export = |arguments: &[&str], path: &str| {
        let all = [&["export", "8354", "traces.db"], arguments].concat();
        program.command(&all).env("PATH", path).env("TMPDIR", program.directory.path()).output().unwrap()
    };
    let with_opener = format!("{}:/bin:/usr/bin", bin.display());
    opener(&format!("printf '%s\\n' \"$@\" > '{}'", program.path("shown").display()));
    let output = export(&["--format", "html", "--open", "--output=-a; touch b.html"], &with_opener);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = std::fs::read_to_string(program.path("shown")).unwrap();
    let path = std::path::Path::new(shown.trim_end());
    assert!(path.is_absolute() && path.ends_with("-a; touch b.html") && path.exists(), "{shown}");
    // Without a file it is a new one that only its owner reads.
    let output = export(&["--format", "svg", "--open"], &with_opener);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = std::fs::read_to_string(program.path("shown")).unwrap();
    let path = std::path::Path::new(shown.trim_end());
    assert!(shown.contains("agno-top-support-agent-8354bea7-") && path.extension().is_some_and(|end| end == "svg"), "{shown}");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    opener("exit 3");
    let output = export(&["--format", "svg", "--open"], &with_opener);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("xdg-open can't show "), "{output:?}");
    let output = export(&["--format", "svg", "--open"], "/nowhere");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("nothing here shows files") && message.contains(".svg in a browser"), "{message}");
    assert_eq!(export(&["--format", "csv", "--open"], &with_opener).status.code(), Some(2));
    assert_eq!(export(&["--format", "svg", "--open", "-o", "-"], &with_opener).status.code(), Some(2));
    let output = export(&["--format", "svg", "-o", "no/such/folder/a.svg"], &with_opener);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("can't write no/such/folder/a.svg: No such file") && !message.contains(".tmp"), "{message}");
}

/// A browser allows the script and the style of the page under its policy, if `AGNO_TOP_CHROMIUM` names a Chromium.
#[test]
fn a_browser_runs_the_page_s_script_and_shows_the_picture() {
    let Some(chromium) = std::env::var_os("AGNO_TOP_CHROMIUM") else {
        return;
    };
    let program = Program::new();
    let open = |name: &str, flag: &str| {
        let mut command = std::process::Command::new(&chromium);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--timeout=20000"]);
        command.arg(format!("--user-data-dir={}", program.path("profile").display())).arg("--enable-logging=stderr");
        let output = command.arg(flag).arg(format!("file://{}", program.path(name).display())).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (name, format) in [("a.html", "html"), ("a.svg", "svg")] {
        let output = program.run(&["export", "8354", "traces.db", "--format", format, "-o", name]);
        assert!(output.status.success());
    }
    let (page, log) = open("a.html", "--dump-dom");
    // The script shows the search.
    assert!(page.contains("<p><label>Find ") && page.contains("refund_order"), "{page}");
    assert!(!log.contains("Content Security Policy") && !log.contains("CONSOLE"), "{log}");
    let (picture, log) = open("a.svg", "--dump-dom");
    assert!(picture.contains("refund_order") && !picture.contains("parsererror"), "{picture} {log}");
}

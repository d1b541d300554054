//! Checks of the Python environment: whether Agno and its instrumentation are installed. Only the names of their folders are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::terminal::parse_version;
use super::{Check, State};

/// What tracing into a database needs, and what to install for it. SQLAlchemy brings greenlet only with its extra, and Agno's stores import it.
const NEEDED: [(&str, &str); 5] = [
    ("agno", "agno"),
    ("openinference-instrumentation-agno", "openinference-instrumentation-agno"),
    ("opentelemetry-sdk", "opentelemetry-sdk"),
    ("sqlalchemy", "'sqlalchemy[asyncio]'"),
    ("greenlet", "'sqlalchemy[asyncio]'"),
];

/// What sending by OTLP needs beside.
const EXPORTER: &str = "opentelemetry-exporter-otlp-proto-http";

/// The first version of Agno that traces.
const MIN_AGNO: (u32, u32) = (2, 0);

/// Prints the folders that Python imports from.
const SCRIPT: &str = "import sys; print('\\n'.join(path for path in sys.path if path))";

/// Checks the Python of the active virtual environment, else of `.venv` here, else the one on the path.
pub(super) fn checks(variable: &dyn Fn(&str) -> Option<String>) -> Vec<Check> {
    let environments = variable("VIRTUAL_ENV").map(PathBuf::from).into_iter().chain([PathBuf::from(".venv")]);
    let python = environments.map(|directory| interpreter(&directory)).find(|python| python.exists());
    let candidates = python.map_or_else(|| vec![PathBuf::from("python3"), PathBuf::from("python")], |python| vec![python]);
    let Some((python, folders)) = candidates.into_iter().find_map(|python| folders(&python).map(|folders| (python, folders))) else {
        return vec![Check::new("python", State::Note, "there is none here, so the packages of your agents can't be checked")];
    };
    describe(&python, &packages(&folders))
}

fn interpreter(environment: &Path) -> PathBuf {
    if cfg!(windows) { environment.join("Scripts/python.exe") } else { environment.join("bin/python") }
}

/// Returns the folders that a Python imports from; `None` if there is no such Python.
fn folders(python: &Path) -> Option<Vec<PathBuf>> {
    let output = Command::new(python).args(["-c", SCRIPT]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// Returns the versions of the packages in these folders, by their names in lower case with dashes. The first folder takes precedence.
fn packages(folders: &[PathBuf]) -> BTreeMap<String, String> {
    let mut packages = BTreeMap::new();
    for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let Some((name, version)) = name.to_str().and_then(|name| name.strip_suffix(".dist-info")?.split_once('-')) else { continue };
        packages.entry(name.to_ascii_lowercase().replace(['_', '.'], "-")).or_insert_with(|| version.to_owned());
    }
    packages
}

fn describe(python: &Path, packages: &BTreeMap<String, String>) -> Vec<Check> {
    let python = python.display();
    let install = |needed: &[(&str, &'static str)]| {
        let mut names: Vec<&str> = needed.iter().map(|(_, name)| *name).collect();
        names.dedup();
        format!("{python} -m pip install {}", names.join(" "))
    };
    let found = |name: &str| packages.get(name).map(|version| format!("{name} {version}"));
    let Some(agno) = packages.get("agno") else {
        let note = Check::new("python", State::Note, format!("{python} has no Agno; perhaps your agents use another one"));
        return vec![note.with_fix(install(&NEEDED))];
    };
    if parse_version(agno).is_some_and(|version| version < MIN_AGNO) {
        let old = Check::new("python", State::Trouble, format!("Agno {agno} of {python} does not trace; Agno 2 and later do"));
        return vec![old.with_fix(format!("{python} -m pip install --upgrade agno"))];
    }
    let missing: Vec<(&str, &str)> = NEEDED.into_iter().filter(|(name, _)| !packages.contains_key(*name)).collect();
    let mut checks = vec![if missing.is_empty() {
        Check::ok("python", format!("{python}: {}", NEEDED.iter().filter_map(|(name, _)| found(name)).collect::<Vec<_>>().join(", ")))
    } else {
        let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
        Check::new("python", State::Trouble, format!("{python} has Agno {agno}, but not {}", names.join(", "))).with_fix(install(&missing))
    }];
    checks.push(match found(EXPORTER) {
        Some(exporter) => Check::ok("exporter", exporter),
        None => Check::new("exporter", State::Note, format!("{EXPORTER} is not there; only agents that send by OTLP need it"))
            .with_fix(format!("{python} -m pip install {EXPORTER}")),
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(names: &[&str]) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        describe(Path::new("py"), &packages(&[folder.path().to_owned(), folder.path().join("none")]))
    }

    #[test]
    fn missing_and_old_packages_are_told_with_the_command_that_installs_them() {
        let all = ["agno-3.1.10.dist-info", "openinference_instrumentation_agno-1.0.15.dist-info", "opentelemetry_sdk-1.38.0.dist-info"];
        let checks = described(&[&all[..], &["SQLAlchemy-2.1.9.dist-info", "agno"]].concat());
        assert_eq!((checks[0].text.as_str(), checks[0].state), ("py has Agno 3.1.10, but not greenlet", State::Trouble));
        assert_eq!(checks[0].fix.as_deref(), Some("py -m pip install 'sqlalchemy[asyncio]'"));
        let checks = described(&[&all[..], &["SQLAlchemy-2.1.9.dist-info", "greenlet-3.5.6.dist-info", "agno"]].concat());
        assert_eq!(checks[0].state, State::Ok, "{checks:?}");
        assert!(checks[0].text.starts_with("py: agno 3.1.10, openinference-instrumentation-agno 1.0.15"), "{checks:?}");
        assert_eq!((checks[1].subject, checks[1].state), ("exporter", State::Note));
        let checks = described(&all);
        assert_eq!(checks[0].fix.as_deref(), Some("py -m pip install 'sqlalchemy[asyncio]'"));
        assert_eq!(checks[0].state, State::Trouble);
        assert_eq!(described(&["agno-1.8.1.dist-info"])[0].fix.as_deref(), Some("py -m pip install --upgrade agno"));
        assert_eq!(described(&["requests-2.0.dist-info"])[0].state, State::Note);
    }
}

//! How the program was installed, and the command that upgrades it.
//!
//! The files beside the program tell, so that one build serves every channel.

use std::fs;
use std::path::Path;

/// The channel that the program was installed through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// `uv tool install`.
    UvTool,
    /// `uvx`: an environment in uv's cache.
    Uvx,
    /// uv, into another environment.
    Uv,
    /// pipx.
    Pipx,
    /// pip, or another installer of Python packages.
    Pip,
    /// A Debian package.
    Debian,
    /// `cargo install` or `cargo binstall`.
    Cargo,
}

impl Channel {
    /// Returns the channel of the program at a path without symbolic links; `None` if no file tells, as in a build directory.
    #[must_use]
    pub fn of(program: &Path) -> Option<Self> {
        let prefix = program.parent()?.parent()?;
        if let Some(installer) = installer(prefix) {
            return Some(match installer.trim() {
                _ if prefix.join("uv-receipt.toml").exists() => Self::UvTool,
                _ if prefix.join("pipx_metadata.json").exists() => Self::Pipx,
                "uv" if is_in_cache(prefix) => Self::Uvx,
                "uv" => Self::Uv,
                _ => Self::Pip,
            });
        }
        if prefix.ends_with("usr") && prefix.parent()?.join("var/lib/dpkg/info/agno-top.list").exists() {
            return Some(Self::Debian);
        }
        let installed = fs::read_to_string(prefix.join(".crates.toml")).ok()?;
        installed.contains("\"agno-top ").then_some(Self::Cargo)
    }

    /// Returns the name of the installer.
    #[must_use]
    pub fn installer(self) -> &'static str {
        match self {
            Self::UvTool | Self::Uv => "uv",
            Self::Uvx => "uvx",
            Self::Pipx => "pipx",
            Self::Pip => "pip",
            Self::Debian => "dpkg",
            Self::Cargo => "cargo",
        }
    }

    /// Returns the command that upgrades the program.
    #[must_use]
    pub fn upgrade_command(self) -> &'static str {
        match self {
            Self::UvTool => "uv tool upgrade agno-top",
            Self::Uvx => "uvx agno-top@latest",
            Self::Uv => "uv pip install --upgrade agno-top",
            Self::Pipx => "pipx upgrade agno-top",
            Self::Pip => "pip install --upgrade agno-top",
            Self::Debian => "sudo apt install ./agno-top_VERSION_ARCH.deb",
            Self::Cargo => "cargo install agno-top",
        }
    }
}

/// Returns which program installed the Python package in the environment at `prefix`, `""` if it does not say; `None` if there is no package.
fn installer(prefix: &Path) -> Option<String> {
    let libraries = fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten().map(|version| version.path());
    let packages = libraries.flat_map(|library| [library.join("site-packages"), library.join("dist-packages")]);
    let mut entries =
        packages.chain([prefix.join("Lib/site-packages")]).filter_map(|packages| fs::read_dir(packages).ok()).flatten().flatten();
    let information = entries.find(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with("agno_top-") && name.ends_with(".dist-info"))
    })?;
    Some(fs::read_to_string(information.path().join("INSTALLER")).unwrap_or_default())
}

/// Whether the environment is in uv's cache, whose folders of unpacked packages are named `archive-v0` and so on.
fn is_in_cache(prefix: &Path) -> bool {
    prefix.components().any(|part| part.as_os_str().to_str().is_some_and(|name| name.starts_with("archive-v")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Writes files into a new directory and returns the channel of `program` in it.
    fn channel(program: &str, files: &[(&str, &str)]) -> Option<Channel> {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Channel::of(&directory.path().join(program))
    }

    const INSTALLER: &str = "lib/python3.13/site-packages/agno_top-0.1.0.dist-info/INSTALLER";

    #[test]
    fn the_files_of_an_environment_tell_its_installer() {
        assert_eq!(channel("bin/agno-top", &[(INSTALLER, "pip\n")]), Some(Channel::Pip));
        assert_eq!(channel("bin/agno-top", &[(INSTALLER, "uv")]), Some(Channel::Uv));
        assert_eq!(channel("bin/agno-top", &[(INSTALLER, "uv"), ("uv-receipt.toml", "")]), Some(Channel::UvTool));
        assert_eq!(channel("bin/agno-top", &[(INSTALLER, "pip\n"), ("pipx_metadata.json", "{}")]), Some(Channel::Pipx));
        let cached = format!("uv/archive-v0/x1/{INSTALLER}");
        assert_eq!(channel("uv/archive-v0/x1/bin/agno-top", &[(&cached, "uv")]), Some(Channel::Uvx));
        let windows = "Lib/site-packages/agno_top-0.1.0.dist-info/INSTALLER";
        assert_eq!(channel("Scripts/agno-top.exe", &[(windows, "pip\r\n")]), Some(Channel::Pip));
        let debian_s_python = "lib/python3.13/dist-packages/agno_top-0.1.0.dist-info/RECORD";
        assert_eq!(channel("bin/agno-top", &[(debian_s_python, "")]), Some(Channel::Pip), "it does not say which");
    }

    #[test]
    fn packages_of_debian_and_of_cargo_are_known() {
        let list = ("var/lib/dpkg/info/agno-top.list", "/usr/bin/agno-top\n");
        assert_eq!(channel("usr/bin/agno-top", &[list]), Some(Channel::Debian));
        assert_eq!(channel("opt/bin/agno-top", &[list]), None, "another copy");
        let crates = "[v1]\n\"agno-top 0.1.0 (registry+https://example.org/index)\" = [\"agno-top\"]\n";
        assert_eq!(channel("cargo/bin/agno-top", &[("cargo/.crates.toml", crates)]), Some(Channel::Cargo));
        assert_eq!(channel("cargo/bin/agno-top", &[("cargo/.crates.toml", "[v1]\n")]), None);
    }

    #[test]
    fn a_build_directory_tells_nothing() {
        assert_eq!(channel("target/release/agno-top", &[]), None);
        assert_eq!(Channel::of(Path::new("agno-top")), None);
        let other = [("lib/python3.13/site-packages/agno_top_tools-1.0.dist-info/INSTALLER", "pip\n")];
        assert_eq!(channel("bin/agno-top", &other), None);
    }
}

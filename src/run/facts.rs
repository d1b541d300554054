//! What the tracing of programs tells beside spans: what it started in, what it traces, and what it could not. It answers why nothing came.

use std::path::Path;

use super::folder::read_lines;

/// What was told, each once, in the order in which it came first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The languages whose tracing started: `Python`, `Node`.
    started: Vec<String>,
    /// What is traced.
    traced: Vec<String>,
    /// What was used and is not traced, and a sentence that says why.
    untraced: Vec<(String, String)>,
}

impl Facts {
    /// Reads the file of facts. Without one, nothing was told.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut facts = Self::default();
        for line in read_lines(path) {
            let mut parts = line.splitn(3, '\t');
            let (Some(kind), Some(name)) = (parts.next(), parts.next()) else { continue };
            let name = name.to_owned();
            match kind {
                "started" => facts.started.push(name),
                "traced" => facts.traced.push(name),
                "untraced" => facts.untraced.push((name, parts.next().unwrap_or_default().to_owned())),
                _ => {}
            }
        }
        facts
    }

    /// Says why a program sent no spans, in a part of a sentence.
    #[must_use]
    pub fn why_nothing(&self) -> String {
        let traced = |name: &String| self.traced.iter().any(|other| other.starts_with(name.as_str()));
        match self.untraced.iter().find(|(name, _)| !traced(name)) {
            Some((_, sentence)) => sentence.clone(),
            None if !self.traced.is_empty() => format!("{} is traced, and nothing of it ran", self.traced.join(", ")),
            None if !self.started.is_empty() => {
                format!(
                    "{} ran, and imported neither Agno nor anything else whose instrumentation is installed",
                    self.started.join(" and ")
                )
            }
            None => "it started no Python or Node, and nothing else sent to OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_nearest_to_a_span() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts");
        let why = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Facts::read(&path).why_nothing()
        };
        assert_eq!(Facts::read(&path), Facts::default());
        assert!(why("").starts_with("it started no Python or Node"));
        assert!(why("started\tPython\nstarted\tNode\nodd\nstarted\n").starts_with("Python and Node ran, and imported neither"));
        assert_eq!(why("started\tPython\ntraced\tAgno\n"), "Agno is traced, and nothing of it ran");
        let untraced = "started\tPython\nuntraced\tanthropic\tanthropic is not traced; pip install it\n";
        assert_eq!(why(untraced), "anthropic is not traced; pip install it");
        assert_eq!(why(&format!("{untraced}traced\tanthropic\n")), "anthropic is traced, and nothing of it ran");
    }
}

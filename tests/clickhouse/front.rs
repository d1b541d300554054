//! The engine behind a small HTTP server.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use agno_top::sources::clickhouse::start_with;
use agno_top::sources::sqlite::Tables;
use agno_top::sources::{ReadLimits, UpdateSender};

use crate::real::named;
use crate::watch::Watch;

/// The tables as Agno and the collector's exporter create them.
const AGNO: &str = include_str!("agno.sql");
const COLLECTOR: &str = include_str!("collector.sql");

/// A process with the engine. It ends when this process ends, which closes its standard input.
pub(crate) struct Front {
    port: u16,
    process: Child,
}

impl Front {
    /// Returns the process that all tests share; `None` without the Python for it.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Front>> = OnceLock::new();
        SHARED.get_or_init(Self::new).as_ref()
    }

    /// Starts a process; `None` without the Python for it.
    pub(crate) fn new() -> Option<Self> {
        Self::with(&[])
    }

    /// Starts a process that keeps its tables in a folder, at a port; 0 is any.
    pub(crate) fn in_folder(folder: &Path, port: u16) -> Option<Self> {
        Self::with(&[folder.as_os_str(), OsStr::new(&port.to_string())])
    }

    /// Ends the process as when a machine is switched off. Returns its port.
    pub(crate) fn kill(mut self) -> u16 {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.port
    }

    fn with(arguments: &[&OsStr]) -> Option<Self> {
        let python = named("AGNO_TOP_CLICKHOUSE_PYTHON")?;
        let mut front = Command::new(python);
        front.arg("tests/clickhouse/front.py").args(arguments).env("TZ", "Asia/Tokyo").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = front.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        Some(Self { port: port.trim().parse().unwrap(), process })
    }

    /// Returns a name of a database that does not exist.
    pub(crate) fn name() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("d{}", COUNT.fetch_add(1, Ordering::Relaxed))
    }

    /// Creates a database with Agno's table.
    pub(crate) fn agno(&self) -> String {
        self.create(AGNO)
    }

    /// Creates a database with the collector's table, with attributes of a type.
    pub(crate) fn collector(&self, attributes: &str) -> String {
        self.create(&COLLECTOR.replace("{attributes}", attributes))
    }

    fn create(&self, tables: &str) -> String {
        let name = Self::name();
        self.run(&format!("CREATE DATABASE {name}"));
        for table in tables.split(";\n").filter(|table| !table.trim().is_empty()) {
            self.run(&table.replace("{database}", &name));
        }
        name
    }

    /// Runs a statement. Returns its answer as text.
    pub(crate) fn run(&self, sql: &str) -> String {
        let answer = ureq::post(format!("http://127.0.0.1:{}/", self.port)).config().http_status_as_error(false).build().send(sql);
        let mut answer = answer.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{sql}: {text}");
        text.trim_end().to_owned()
    }

    /// Returns how many questions were asked since the last call, and how many rows they read.
    pub(crate) fn cost(&self) -> (u64, u64) {
        let text = ureq::get(format!("http://127.0.0.1:{}/cost", self.port)).call().unwrap().body_mut().read_to_string().unwrap();
        let number = |name: &str| {
            let rest = text.split_once(&format!("\"{name}\": ")).unwrap().1;
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
        };
        (number("questions"), number("rows"))
    }

    /// Returns the port as text.
    pub(crate) fn port(&self) -> String {
        self.port.to_string()
    }

    /// Returns the URL of a database for the usual user.
    pub(crate) fn url(&self, database: &str) -> String {
        self.url_of("default", database)
    }

    /// Returns the URL of a database for a user.
    pub(crate) fn url_of(&self, user: &str, database: &str) -> String {
        format!("clickhouse://{user}:pa55word@127.0.0.1:{}/{database}", self.port)
    }

    /// Follows a database.
    pub(crate) fn watch(&self, database: &str) -> Watch {
        watch(&self.url(database), u64::MAX)
    }
}

/// Follows a database from its newest spans.
pub(crate) fn watch(url: &str, limit: u64) -> Watch {
    Watch::start(|updates: UpdateSender| start_with(url, Tables::default(), ReadLimits::of(limit), updates))
}

/// Returns a statement that inserts the spans of these numbers into Agno's table, ten to a trace, `step` microseconds apart.
pub(crate) fn spans(database: &str, first: u64, count: u64, start: &str, step: i64) -> String {
    format!(
        "INSERT INTO {database}.agno_spans SELECT lower(leftPad(hex(number), 16, '0')), lower(hex(MD5(toString(intDiv(number - 1, 10))))), \
         if((number - 1) % 10 = 0, NULL, lower(leftPad(hex(number - (number - 1) % 10), 16, '0'))), concat('span ', toString(number)), 'INTERNAL', 'OK', \
         NULL, {start} + toIntervalMicrosecond({step} * number), {start} + toIntervalMicrosecond({step} * number) + toIntervalMillisecond(5), 5, \
         '{{\"openinference.span.kind\": \"TOOL\"}}', {start} + toIntervalMicrosecond({step} * number) + toIntervalMillisecond(6) FROM numbers({first}, {count})"
    )
}

/// The start of spans that are written now.
pub(crate) const NOW: &str = "now64(6)";

//! A MariaDB server for the tests.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agno_top::sources::ReadLimits;
use agno_top::sources::mysql::start_with;
use agno_top::sources::postgres::Location;
use tempfile::TempDir;

use crate::watch::Watch;

/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A script that stops and starts the server as it is told, and stops it and removes its files when its parent process ends in any way.
const KEEPER: &str = r#"dir=$1; shift
start() { "$@" >> "$dir/log" 2>&1 & server=$!; }
start "$@"
trap '' INT TERM
while read -r word; do
  if [ "$word" = stop ]; then kill -TERM $server; wait $server 2> /dev/null; else start "$@"; fi
done
kill -KILL $server; wait $server 2> /dev/null
rm -rf "$dir""#;

/// The table of spans as Agno creates it.
const SCHEMA: &str = "CREATE TABLE agno_spans (span_id VARCHAR(128) NOT NULL PRIMARY KEY, trace_id VARCHAR(128) NOT NULL, parent_span_id VARCHAR(128), \
    name VARCHAR(255) NOT NULL, span_kind VARCHAR(50) NOT NULL, status_code VARCHAR(50) NOT NULL, status_message TEXT, start_time VARCHAR(128) NOT NULL, \
    end_time VARCHAR(128) NOT NULL, duration_ms BIGINT NOT NULL, attributes JSON, created_at VARCHAR(128) NOT NULL, INDEX (created_at))";

/// A server. It is killed when the process ends.
pub(crate) struct Server {
    port: u16,
    dir: TempDir,
    keeper: Child,
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|bin| bin.join(name)).find(|path| path.exists())
}

impl Server {
    /// Returns the server that all tests share; `None` if MariaDB is not installed, which fails in CI.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Starts a server of its own for a test.
    pub(crate) fn start() -> Option<Self> {
        let programs = program("mariadbd").zip(program("mariadb-install-db"));
        if programs.is_none() {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs MariaDB: see .ci/run");
            eprintln!("skipped: no MariaDB on this machine");
        }
        let (server, install) = programs?;
        let dir = tempfile::Builder::new().prefix("agno-maria").tempdir_in("/tmp").unwrap();
        let data = dir.path().join("data");
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = format!("--user={}", String::from_utf8(user).unwrap().trim());
        let mut installed = Command::new(install);
        installed.arg("--no-defaults").arg(format!("--datadir={}", data.display())).arg(&user);
        let installed = installed.args(["--auth-root-authentication-method=normal", "--skip-test-db"]).output().unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(dir.path()).arg(server).arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        keeper.arg(&user).arg(format!("--socket={}", dir.path().join("socket").display())).arg(format!("--port={port}"));
        keeper.args(["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--skip-log-bin"]);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { port, dir, keeper };
        server.until_ready();
        server.run("mysql", "CREATE USER 'agno'@'%' IDENTIFIED BY 'p@ss'; GRANT ALL ON *.* TO 'agno'@'%'");
        Some(server)
    }

    fn until_ready(&self) {
        let begun = Instant::now();
        while self.client("mysql").arg("-e").arg("SELECT 1").output().is_ok_and(|done| !done.status.success()) {
            assert!(begun.elapsed() < TIMEOUT, "{}", std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server.
    pub(crate) fn stop(&mut self) {
        self.keeper.stdin.as_mut().unwrap().write_all(b"stop\n").unwrap();
    }

    /// Starts the server again, which was stopped.
    pub(crate) fn start_again(&mut self) {
        self.keeper.stdin.as_mut().unwrap().write_all(b"start\n").unwrap();
        self.until_ready();
    }

    fn client(&self, database: &str) -> Command {
        let mut client = Command::new("mariadb");
        client.arg("--no-defaults").arg(format!("--socket={}", self.dir.path().join("socket").display())).args(["-u", "root", database]);
        client
    }

    /// Runs statements.
    pub(crate) fn run(&self, database: &str, sql: &str) {
        let mut client = self.client(database).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        client.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let done = client.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Runs a statement, and returns what the client prints of its rows.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> String {
        let done = self.client(database).args(["-N", "-B", "-e", sql]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    /// Creates a schema without tables, and returns its name.
    pub(crate) fn empty_schema(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.run("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        name
    }

    /// Creates a schema with Agno's table of spans.
    pub(crate) fn schema(&self) -> String {
        let name = self.empty_schema();
        self.create(&name);
        name
    }

    /// Creates Agno's table of spans.
    pub(crate) fn create(&self, schema: &str) {
        self.run(schema, SCHEMA);
    }

    /// Returns a URL, as SQLAlchemy takes it.
    pub(crate) fn url(&self, login: &str, schema: &str) -> String {
        format!("mysql+pymysql://{login}@127.0.0.1:{}/{schema}", self.port)
    }

    /// Runs a source on a schema.
    pub(crate) fn watch(&self, login: &str, schema: &str, limit: u64) -> Watch {
        let location = Location { schema: schema.to_owned(), ..Location::default() };
        Watch::start(|updates| start_with(&self.url(login, schema), location, ReadLimits::of(limit), updates))
    }
}

/// Returns statements that each write a span from `from` to `to`, by a clock that is `behind` by so many seconds.
pub(crate) fn spans(numbers: impl Iterator<Item = u64>, behind: u32) -> String {
    let insert = |number: u64| {
        format!(
            "INSERT INTO agno_spans VALUES ('{number:016x}', '{:032x}', NULL, 'span {number}', 'INTERNAL', 'OK', NULL, '2026-11-22T05:59:04.229975+00:00', \
             '2026-11-22T05:59:05+00:00', 770, '{{\"input.value\": \"input {number} it''s\"}}', \
             DATE_FORMAT(UTC_TIMESTAMP(6) - INTERVAL {behind} SECOND, '%Y-%m-%dT%H:%i:%s.%f+00:00'));\n",
            number / 10 + 1
        )
    };
    numbers.map(insert).collect()
}

/// The login of the tests.
pub(crate) const LOGIN: &str = "agno:p%40ss";

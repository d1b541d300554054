//! A PostgreSQL server for the tests.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agno_top::sources::postgres::{Location, start};
use tempfile::TempDir;

use crate::watch::Watch;
use crate::writer::Writer;

/// The tables as Agno creates them.
pub(crate) const SCHEMA: &str = include_str!("../fixtures/agno-postgres.sql");

/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A script that stops the server and removes its files when its parent process ends in any way.
const KEEPER: &str = r#"bin=$1; dir=$2; shift 2
"$bin/postgres" -D "$dir/data" "$@" >> "$dir/log" 2>&1 & server=$!
trap '' INT TERM
read -r word
kill -INT $server; wait $server
[ "$word" = keep ] || rm -rf "$dir""#;

/// A server. It is stopped on drop or when the process ends.
pub(crate) struct Server {
    pub(crate) port: u16,
    dir: TempDir,
    bin: PathBuf,
    keeper: Option<Child>,
}

/// Returns the folder of PostgreSQL's programs; `None` if there are none, which fails in CI.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("AGNO_TOP_POSTGRES_BIN").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain(debian).chain(std::env::split_paths(&path)).find(|bin| bin.join("initdb").exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs PostgreSQL: see .ci/run");
        eprintln!("skipped: no PostgreSQL on this machine (install it, or name its programs' folder in AGNO_TOP_POSTGRES_BIN)");
    }
    found
}

/// Returns a command that runs as another user than root, which PostgreSQL rejects.
fn command(program: &Path) -> Command {
    let user = Command::new("id").arg("-u").output().unwrap().stdout;
    if user == b"0\n" {
        // Not every root has the folder of it in its PATH.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let runuser = folders.map(|folder| folder.join("runuser")).find(|program| program.exists());
        let mut command = Command::new(runuser.unwrap_or_else(|| "runuser".into()));
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Server {
    /// Starts a new server; `None` if PostgreSQL is not installed.
    pub(crate) fn new() -> Option<Self> {
        let mut server = Self::prepare()?;
        let mut initdb = server.program("initdb");
        initdb.args(["-N", "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "-D"]).arg(server.data());
        finish(&mut initdb);
        server.start(&[]);
        Some(server)
    }

    /// Starts a standby of this server; `None` if the programs for that are missing.
    pub(crate) fn standby(&self) -> Option<Self> {
        if !self.bin.join("pg_basebackup").exists() {
            eprintln!("skipped: this PostgreSQL has no pg_basebackup");
            return None;
        }
        let mut standby = Self::prepare()?;
        let mut copy = self.program("pg_basebackup");
        copy.args(["-R", "-c", "fast", "-U", "postgres", "-p", &self.port.to_string(), "-h"])
            .arg(self.dir.path())
            .arg("-D")
            .arg(standby.data());
        finish(&mut copy);
        standby.start(&["hot_standby=on"]);
        Some(standby)
    }

    fn prepare() -> Option<Self> {
        let bin = programs()?;
        let dir = tempfile::Builder::new().prefix("agno-pg").tempdir_in("/tmp").unwrap();
        // Fails, and is not needed, if this user runs the server.
        let _ = Command::new("chown").arg("postgres").arg(dir.path()).stderr(Stdio::null()).status();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { port, dir, bin, keeper: None })
    }

    /// Returns a command for one of PostgreSQL's programs.
    fn program(&self, name: &str) -> Command {
        let mut command = command(&self.bin.join(name));
        command.current_dir("/");
        command
    }

    /// Promotes a standby.
    pub(crate) fn promote(&self) {
        finish(self.program("pg_ctl").args(["promote", "-w", "-D"]).arg(self.data()));
    }

    /// Returns the server that all tests share which do not disturb each other.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::new).as_ref()
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&mut self, settings: &[&str]) {
        let mut keeper = command(Path::new("/bin/sh"));
        keeper.current_dir("/").args(["-c", KEEPER, "keeper"]).arg(&self.bin).arg(self.dir.path());
        keeper.args(["-p", &self.port.to_string(), "-k"]).arg(self.dir.path());
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=40", "shared_buffers=64MB"].iter().chain(settings) {
            keeper.args(["-c", setting]);
        }
        self.keeper = Some(keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let begun = Instant::now();
        while self.connect("postgres").is_err() {
            assert!(begun.elapsed() < TIMEOUT, "{}", std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server in fast mode. Its files stay.
    pub(crate) fn stop(&mut self) {
        let mut keeper = self.keeper.take().unwrap();
        keeper.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        keeper.wait().unwrap();
    }

    /// Kills the server.
    pub(crate) fn crash(&mut self) {
        let id = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let killed = Command::new("kill").args(["-9", id.lines().next().unwrap()]).status();
        assert!(killed.unwrap().success());
        self.stop();
    }

    /// Returns the log.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.path().join("log")).unwrap()).into_owned()
    }

    /// Returns the data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Writes a file into the data directory, owned by the server's user.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.data().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let owned = Command::new("chown").arg("--reference").arg(self.data()).arg(&path).status();
        assert!(owned.unwrap().success());
    }

    /// Creates a database with Agno's tables and returns its name.
    pub(crate) fn database(&self) -> String {
        let name = self.empty_database();
        self.connect(&name).unwrap().run(SCHEMA);
        name
    }

    /// Creates an empty database and returns its name.
    pub(crate) fn empty_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.connect("postgres").unwrap().run(&format!("CREATE DATABASE {name}"));
        name
    }

    /// Returns the URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql+psycopg://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Runs a source on a database.
    pub(crate) fn watch(&self, database: &str) -> Watch {
        watch(&self.url(database), u64::MAX)
    }

    /// Returns a writer to a database.
    pub(crate) fn writer(&self, database: &str) -> Writer {
        self.connect(database).unwrap()
    }

    fn connect(&self, database: &str) -> Result<Writer, tokio_postgres::Error> {
        Writer::open(self.dir.path(), self.port, database)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// Runs a program that must succeed.
fn finish(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs a source on a URL.
pub(crate) fn watch(url: &str, limit: u64) -> Watch {
    Watch::start(|updates| start(url, Location::default(), limit, updates))
}

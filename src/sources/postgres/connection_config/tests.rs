use super::*;

fn parse(url: &str, environment: &[(&str, &str)]) -> ConnectionConfig {
    try_parse(url, environment).unwrap()
}

fn try_parse(url: &str, environment: &[(&str, &str)]) -> Result<ConnectionConfig, UrlError> {
    ConnectionConfig::parse(url, |name| environment.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
}

fn password(config: &ConnectionConfig) -> Option<&str> {
    config.config.get_password().map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn urls_differ_from_paths() {
    for url in ["postgres://", "postgresql://u@h/d", "PostgreSQL+psycopg://h", "postgresql+asyncpg://h/d", "postgres+psycopg_async:///d"] {
        assert!(is_url(url), "{url}");
    }
    for url in ["jdbc:postgresql://h/d", "host=h dbname=d", "service=mine"] {
        assert!(is_url(url), "{url}");
    }
    for path in [
        "a=b.db",
        "ghost=x",
        "tmp/traces.db",
        "postgres",
        "postgres:",
        "mysql://h/d",
        "postgresqlx://h",
        "sqlite:///x",
        "http://postgres://",
    ] {
        assert!(!is_url(path), "{path}");
    }
}

#[test]
fn every_part_of_a_url_is_parsed() {
    let config =
        parse("postgresql+psycopg://me:p%40ss@db.example:6000/my%20db?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=3", &[]);
    assert_eq!((config.name.as_str(), config.user.as_str()), ("postgres://me@db.example:6000/my db", "me"));
    assert_eq!((password(&config), config.config.get_dbname()), (Some("p@ss"), Some("my db")));
    assert_eq!(config.config.get_ports(), [6000]);
    assert_eq!(config.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(config.config.get_application_name(), Some("agno-top"));
    assert_eq!(config.tls, Tls { mode: Mode::VerifyFull, roots: Roots::File("/ca.pem".into()), identity: None });
    assert_eq!(config.redact("no p@ss, no p%40ss"), "no ***, no ***");
}

#[test]
fn passwords_with_special_characters() {
    let config = parse("postgres://me:a@b:c@h/d", &[]);
    assert_eq!((password(&config), config.name.as_str()), (Some("a@b:c"), "postgres://me@h/d"));
    let config = parse("postgres://h/d?user=me&password=x%26y", &[]);
    assert_eq!((password(&config), config.name.as_str()), (Some("x&y"), "postgres://me@h/d"));
}

#[test]
fn hosts_of_every_kind() {
    for (url, name, ports) in [
        ("postgres://me@[::1]:7000/d", "postgres://me@[::1]:7000/d", vec![7000]),
        ("postgres://me@a,b:7000/d", "postgres://me@a,b:7000/d", vec![5432, 7000]),
        ("postgres://me@a,b/d?port=7000", "postgres://me@a:7000,b:7000/d", vec![7000, 7000]),
        ("postgres://me@%2Frun%2Fpg/d", "postgres://me@%2Frun%2Fpg/d", vec![5432]),
        ("postgres://me@/d?host=/run/pg&port=7000", "postgres://me@%2Frun%2Fpg:7000/d", vec![7000]),
        ("postgresql+asyncpg://me@/d?host=a:1&host=b:2&host=c", "postgres://me@a:1,b:2,c/d", vec![1, 2, 5432]),
        ("postgres://me@/d?host=[::1]:7&host=fe80::1", "postgres://me@[::1]:7,[fe80::1]/d", vec![7, 5432]),
        ("jdbc:postgresql://h:1/d?user=me", "postgres://me@h:1/d", vec![1]),
        ("host=h port=1 user='m\\\'e x' dbname = d", "postgres://m'e x@h:1/d", vec![1]),
    ] {
        let config = parse(url, &[]);
        assert_eq!(config.name, name);
        assert_eq!(config.config.get_ports(), ports, "{url}");
    }
    assert!(try_parse("postgres://h/d?hostaddr=x", &[]).is_err());
    assert_eq!(parse("postgres://me@h/d?hostaddr=127.0.0.1", &[]).config.get_hostaddrs().len(), 1);
}

#[test]
fn the_environment_supplies_what_the_url_leaves_open() {
    let environment =
        [("PGHOST", "eh"), ("PGPORT", "1"), ("PGUSER", "eu"), ("PGPASSWORD", "ep"), ("PGDATABASE", "ed"), ("PGSSLMODE", "require")];
    let config = parse("postgres://", &environment);
    assert_eq!((config.name.as_str(), password(&config), config.tls.mode), ("postgres://eu@eh:1/ed", Some("ep"), Mode::Require));
    let config = parse("postgres://u:p@h:2/d?sslmode=disable", &environment);
    assert_eq!((config.name.as_str(), password(&config), config.tls.mode), ("postgres://u@h:2/d", Some("p"), Mode::Disable));
    assert_eq!(config.redact("ep, help p: 'p'"), "***, help ***: '***'", "a password in the environment is secret, too");
    let config = parse("postgres://h", &[("USER", "os")]);
    assert_eq!((config.name.as_str(), password(&config), config.tls.mode), ("postgres://os@h/os", None, Mode::Prefer));
}

#[cfg(unix)]
#[test]
fn the_password_file_is_read_last() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(&file, "other:*:*:*:no\nh:5432:d:me:from the file\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let at_home = [("HOME", home.path().to_str().unwrap())];
    assert_eq!(password(&parse("postgres://me@h/d", &at_home)), Some("from the file"));
    assert_eq!(password(&parse("postgres://me:url@h/d", &at_home)), Some("url"));
    assert_eq!(password(&parse("postgres://me@h/e", &at_home)), None);
    assert_eq!(password(&parse("postgres://me@h/d", &[("PGPASSFILE", file.to_str().unwrap())])), Some("from the file"));
    assert_eq!(parse("postgres://me@h/d", &at_home).redact("it is from the file"), "it is ***");
}

#[test]
fn the_tls_mode_follows_sslmode_and_sslrootcert() {
    for (query, mode, roots) in [
        ("", Mode::Prefer, Roots::System),
        ("?sslmode=allow", Mode::Allow, Roots::System),
        ("?sslmode=require", Mode::Require, Roots::System),
        ("?sslmode=require&sslrootcert=/x", Mode::VerifyCa, Roots::File("/x".into())),
        ("?sslmode=verify-ca", Mode::VerifyCa, Roots::System),
        ("?sslrootcert=system", Mode::VerifyFull, Roots::System),
        ("?ssl=true", Mode::Require, Roots::System),
    ] {
        assert_eq!(parse(&format!("postgres://h/d{query}"), &[]).tls, Tls { mode, roots, identity: None }, "{query}");
    }
    assert_eq!(
        try_parse("postgres://h/d?sslmode=yes", &[]).unwrap_err().to_string().split(' ').take(2).collect::<Vec<_>>(),
        ["its", "sslmode"]
    );
}

#[cfg(unix)]
#[test]
fn a_service_outranks_the_environment_and_the_url_a_service() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".pg_service.conf"), "[mine]\nhost=sh\nport=7\nuser=su\npassword=sp\n").unwrap();
    let environment = [("HOME", home.path().to_str().unwrap()), ("PGHOST", "eh"), ("PGDATABASE", "ed"), ("PGSERVICE", "mine")];
    let config = parse("postgres://", &environment);
    assert_eq!((config.name.as_str(), password(&config)), ("postgres://su@sh:7/ed", Some("sp")));
    assert_eq!(config.redact("no sp"), "no sp".replace("sp", "***"));
    assert_eq!(parse("postgres://u@/d?service=mine", &environment[..1]).name, "postgres://u@sh:7/d");
    assert_eq!(parse("service=mine dbname=x", &environment[..1]).name, "postgres://su@sh:7/x");
    let error = try_parse("postgres://?service=other", &environment).unwrap_err().to_string();
    assert!(error.starts_with("there is no service \"other\" in "), "{error}");
    // A file of another place, which is missing.
    assert!(try_parse("service=mine", &[environment[0], ("PGSERVICEFILE", "/no/such/file"), ("PGSYSCONFDIR", "/no")]).is_err());
}

#[test]
fn a_client_certificate_needs_its_key() {
    let identity = |url: &str, environment: &[(&str, &str)]| try_parse(url, environment).map(|config| config.tls.identity);
    let both = Ok(Some(Identity { certificate: "/c".into(), key: "/k".into() }));
    assert_eq!(identity("postgres://h?sslcert=/c&sslkey=/k", &[]), both);
    assert_eq!(identity("postgres://h", &[("PGSSLCERT", "/c"), ("PGSSLKEY", "/k")]), both);
    assert_eq!(identity("postgres://h?sslkey=/k", &[]), Ok(None));
    assert!(identity("postgres://h?sslcert=/c", &[]).is_err());
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(".postgresql").join(name);
    std::fs::create_dir(home.path().join(".postgresql")).unwrap();
    std::fs::write(file("postgresql.crt"), "").unwrap();
    std::fs::write(file("postgresql.key"), "").unwrap();
    let own = Identity { certificate: file("postgresql.crt"), key: file("postgresql.key") };
    assert_eq!(identity("postgres://h", &[("HOME", home.path().to_str().unwrap())]), Ok(Some(own)));
}

#[test]
fn a_check_of_the_server_that_is_not_made_is_an_error() {
    let refused = |query: &str| try_parse(&format!("postgres://h/d?{query}"), &[]).unwrap_err().to_string();
    for name in ["require_auth=scram-sha-256", "requirepeer=postgres", "sslcrl=/crl.pem", "sslcrldir=/crls", "gssencmode=require"] {
        assert!(refused(name).contains(name.split('=').next().unwrap()), "{name}");
    }
    assert!(refused("target_session_attrs=primry").starts_with("its target_session_attrs is none of"));
    assert!(refused("channel_binding=yes").starts_with("its channel_binding is none of"));
    assert!(try_parse("postgres://h/d", &[("PGREQUIREAUTH", "scram-sha-256")]).is_err());
    for harmless in ["gssencmode=disable", "target_session_attrs=any", "channel_binding=prefer", "frobnicate=1", "application_name=x"] {
        assert!(try_parse(&format!("postgres://h/d?{harmless}"), &[]).is_ok(), "{harmless}");
    }
}

//! TLS connections and the verification of the server.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::server::{Server, watch};
use crate::writer::spans;

/// Returns a root certificate, a server certificate that it signed for this name, and the server's key, as PEM.
fn certificates(name: &str) -> [String; 3] {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
    [root.pem(), certificate.pem(), key.serialize_pem()]
}

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Starts a server with TLS for the name `localhost`. Returns it, its database, and the files of the root and the server certificate.
fn encrypted(dir: &Path) -> Option<(Server, String, PathBuf, PathBuf)> {
    let mut server = Server::new()?;
    let [root, certificate, key] = certificates("localhost");
    server.write("server.crt", &certificate);
    server.write("server.key", &key);
    server.stop();
    server.start(&["ssl=on"]);
    let database = server.database();
    let mut writer = server.writer(&database);
    writer.run(&spans(1, 11));
    writer.run("CREATE ROLE reader LOGIN PASSWORD 'hush'; GRANT USAGE ON SCHEMA ai TO reader; GRANT SELECT ON ai.agno_spans, ai.agno_traces TO reader");
    Some((server, database, file(dir, "root.pem", &root), file(dir, "server.pem", &certificate)))
}

#[test]
fn each_sslmode_verifies_what_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    let Some((server, database, root, own)) = encrypted(dir.path()) else { return };
    let [other, ..] = certificates("localhost");
    let other = file(dir.path(), "other.pem", &other);
    let empty = file(dir.path(), "empty.pem", "");
    let (root, own, other, empty) = (root.display(), own.display(), other.display(), empty.display());
    let (good, bad) = ("", "no encrypted connection to postgres://postgres@");
    for (host, query, said) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), good),
        ("127.0.0.1", "sslmode=allow".to_owned(), good),
        ("127.0.0.1", "sslmode=prefer".to_owned(), good),
        ("127.0.0.1", "sslmode=require".to_owned(), good),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}"), good),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), bad),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}"), bad),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}"), bad),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=/no/such/file".to_owned(), "the root certificate /no/such/file can't be read"),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={empty}"),
            "no root certificate is known; name a file of them with sslrootcert",
        ),
        ("127.0.0.1", "sslrootcert=system".to_owned(), bad),
        ("localhost", format!("sslmode=verify-full&sslrootcert={root}&hostaddr=127.0.0.1"), good),
        ("localhost", format!("sslmode=verify-full&sslrootcert={own}&hostaddr=127.0.0.1"), good),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}&hostaddr=127.0.0.1"), bad),
    ] {
        let mut watch = watch(&format!("postgres://postgres@{host}:{}/{database}?{query}", server.port), 100);
        if said.is_empty() {
            watch.until(&query, |watch| !watch.spans.is_empty());
            let encrypted = server
                .writer(&database)
                .ask("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'agno-top'");
            let expected = if query.ends_with("disable") || query.ends_with("allow") { "f" } else { "t" };
            assert_eq!(encrypted, [expected], "{query}");
            watch.end();
            while !server.writer(&database).ask("SELECT 1 FROM pg_stat_activity WHERE application_name = 'agno-top'").is_empty() {}
        } else {
            watch.until_message(said);
        }
    }
}

#[test]
fn a_server_that_requires_tls() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mut server, database, ..)) = encrypted(dir.path()) else { return };
    let url = |mode: &str| format!("postgres://reader:hush@127.0.0.1:{}/{database}?{mode}", server.port);
    let urls = ["sslmode=disable", "sslmode=allow", "sslmode=prefer", "sslmode=require&channel_binding=require"].map(url);
    server.write("pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n");
    server.stop();
    server.start(&["ssl=on"]);
    watch(&urls[0], 100).until_message("refuses the connection: no pg_hba.conf entry");
    for url in &urls[1..] {
        watch(url, 100).until_spans(10);
    }
    server.write("pg_hba.conf", "local all all trust\nhostnossl all all 127.0.0.1/32 scram-sha-256\n");
    server.stop();
    server.start(&["ssl=on"]);
    watch(&urls[3], 100).until_message("refuses the connection: no pg_hba.conf entry");
    for url in &urls[..3] {
        watch(url, 100).until_spans(10);
    }
}

#[test]
fn a_server_without_tls() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    server.writer(&database).run(&spans(1, 11));
    let url = |mode: &str| format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode={mode}", server.port);
    watch(&url("require"), 100).until_message("does not offer TLS, which sslmode asks for");
    let no_certificates = concat!("verify-full&sslrootcert=", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    watch(&url(no_certificates), 100).until_message("no root certificate is known");
    for mode in ["prefer", "allow", "disable"] {
        watch(&url(mode), 100).until_spans(10);
    }
}

#[cfg(unix)]
#[test]
fn a_client_identifies_itself_with_a_certificate() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let Some((mut server, database, ..)) = encrypted(dir.path()) else { return };
    let [root, certificate, key] = certificates("reader");
    let [_, other, other_key] = certificates("reader");
    server.write("clients.crt", &root);
    server.write("pg_hba.conf", "hostssl all reader all cert\nlocal all all trust\nhost all postgres all trust\n");
    server.stop();
    server.start(&["ssl=on", "ssl_ca_file=clients.crt"]);
    let own = |name: &str, text: &str| {
        let path = file(dir.path(), name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (own("c.crt", &certificate), own("c.key", &key));
    let (other, other_key) = (own("o.crt", &other), own("o.key", &other_key));
    let public = own("p.key", &std::fs::read_to_string(&key).unwrap());
    std::fs::set_permissions(&public, std::fs::Permissions::from_mode(0o644)).unwrap();
    let url = |query: &str| format!("postgres://reader@127.0.0.1:{}/{database}?sslmode=require{query}", server.port);
    watch(&url(&format!("&sslcert={certificate}&sslkey={key}")), 100).until_spans(10);
    for (query, said) in [
        (String::new(), "certificate"),
        (format!("&sslcert={other}&sslkey={other_key}"), "can't be reached"),
        (format!("&sslcert={certificate}&sslkey={other_key}"), "the client certificate can't be used"),
        (format!("&sslcert={certificate}&sslkey={public}"), "other users may read the key"),
        (format!("&sslcert={certificate}&sslkey=/no/such/key"), "the key /no/such/key can't be read"),
        (format!("&sslcert=/no/such/file&sslkey={key}"), "the client certificate /no/such/file can't be read"),
    ] {
        watch(&url(&query), 100).until_message(said);
    }
}

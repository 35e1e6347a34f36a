//! TLS at both doors: psql and openssl as its clients.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use groma_server::{ServeConfig, ServeError, Server, Store, StoreOptions, TlsFiles};

use crate::served::Served;

/// A certificate for `localhost` and this machine's loopback address.
pub(crate) fn certificate(folder: &Path) -> TlsFiles {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

fn served() -> (Served, PathBuf, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let tls = certificate(folder.path());
    let root = tls.certificate.clone();
    let config = ServeConfig { tls: Some(tls), ..ServeConfig::default() };
    (Served::empty(config), root, folder)
}

#[test]
fn psql_comes_in_over_tls_and_sees_to_the_certificate() {
    let (served, root, _folder) = served();
    let psql = |options: &str| {
        let port = served.address.port();
        let address = format!("host=localhost port={port} user=t dbname=live {options}");
        let sql = "\\conninfo";
        Command::new("psql").args(["-X", "-At", "-d", &address, "-c", sql]).output()
    };
    let full = format!("sslmode=verify-full sslrootcert={}", root.display());
    let Ok(output) = psql(&full) else {
        return eprintln!("skipped: psql is not installed");
    };
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(text.contains("SSL connection") && text.contains("TLSv1.3"), "{text}");
    assert!(!psql("sslmode=verify-full").unwrap().status.success(), "an unknown certificate");
    assert!(psql("sslmode=disable").unwrap().status.success(), "this machine may come in clear");
}

#[test]
fn openssl_negotiates_as_postgresql_clients_do() {
    let (served, root, _folder) = served();
    let mut openssl = Command::new("openssl");
    openssl
        .args(["s_client", "-starttls", "postgres", "-verify_return_error", "-CAfile"])
        .arg(&root);
    openssl.args(["-connect", &format!("127.0.0.1:{}", served.address.port())]);
    match openssl.stdin(Stdio::null()).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
        }
        Err(_) => eprintln!("skipped: openssl is not installed"),
    }
}

#[test]
fn a_server_that_others_can_reach_needs_users_and_tls() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = certificate(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bind = |store: &Path, tls: Option<&TlsFiles>| {
        let store = Store::open(store, StoreOptions::default()).unwrap();
        let listen = "0.0.0.0:0".parse().unwrap();
        let config = ServeConfig { listen, tls: tls.cloned(), ..ServeConfig::default() };
        let bound = runtime.block_on(Server::bind(store, &config));
        bound.map(|server| runtime.block_on(server.run(async {})))
    };
    let store = tempfile::TempDir::new().unwrap();
    let refused = |tls| match bind(store.path(), tls) {
        Err(error @ ServeError::Open { .. }) => {
            assert!(error.hint().is_some());
            error.to_string()
        }
        other => panic!("{other:?}"),
    };
    assert!(refused(None).contains("no users and no TLS"));
    assert!(refused(Some(&files)).contains("no users"));
    {
        let store = Store::open(store.path(), StoreOptions::default()).unwrap();
        let session = store.engine().session("live", "groma").unwrap();
        let create = "CREATE ROLE ann LOGIN PASSWORD 'x' IN ROLE admin";
        runtime.block_on(session.execute(create)).map(drop).unwrap();
    }
    assert!(refused(None).contains("no TLS"));
    bind(store.path(), Some(&files)).unwrap();
}

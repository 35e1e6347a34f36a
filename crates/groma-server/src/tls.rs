//! Certificate and key of both doors, checked before anything listens.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Where certificate and key are, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and behind it those that it hangs on.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no {wanted} in PEM")]
    Missing {
        /// Which one.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// The key may be read by others.
    #[error("others may read the private key {path}")]
    OpenKey {
        /// Which one.
        path: PathBuf,
    },
    /// They do not fit together, or are of no known kind.
    #[error("the certificate {certificate} cannot be used with the key {key}")]
    Unfit {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsError {
    /// What to try, as one sentence.
    pub fn hint(&self) -> String {
        match self {
            TlsError::Unreadable { .. } => "Name the files with --tls-cert and --tls-key.".into(),
            TlsError::Missing { wanted, .. } => {
                format!(
                    "A {wanted} in PEM begins with -----BEGIN; see whether the two files were confused."
                )
            }
            TlsError::OpenKey { path } => format!("chmod 600 {}.", path.display()),
            TlsError::Unfit { .. } => {
                "See whether the key is the one that the certificate was made for.".into()
            }
        }
    }
}

/// What takes TLS on each of the doors.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) wire: TlsAcceptor,
    pub(crate) http: TlsAcceptor,
}

impl Tls {
    /// Reads and checks both files.
    pub(crate) fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
        let certificates = certificates(&files.certificate)?;
        let key = key(&files.key)?;
        let config = |protocol: &[u8]| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(certificates.clone(), key.clone_key())?;
            config.alpn_protocols = vec![protocol.to_vec()];
            Ok(TlsAcceptor::from(Arc::new(config)))
        };
        let unfit = |source| TlsError::Unfit {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        };
        Ok(Tls {
            wire: config(b"postgresql").map_err(unfit)?,
            http: config(b"http/1.1").map_err(unfit)?,
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| TlsError::Missing { path: path.to_owned(), wanted: "certificate" })
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    let mode = fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or_default();
    // The group may: keys often belong to root and a group of those who serve.
    if mode & 0o007 != 0 {
        return Err(TlsError::OpenKey { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| TlsError::Missing { path: path.to_owned(), wanted: "private key" })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, certificate: &str, key: &str) -> TlsFiles {
        let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
        files
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let made = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let (one, other) = (made(), made());
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let refused = |files: &TlsFiles| {
            let error = Tls::load(files).map(drop).unwrap_err();
            format!("{error}; {}", error.hint())
        };
        let good = files(folder.path(), &certificate, &key);
        assert!(Tls::load(&good).is_ok());
        fs::set_permissions(&good.key, fs::Permissions::from_mode(0o604)).unwrap();
        assert!(refused(&good).contains("others may read"));
        let swapped = refused(&files(folder.path(), &key, &certificate));
        assert!(swapped.contains("holds no certificate"), "{swapped}");
        let no_key = refused(&files(folder.path(), &certificate, "what"));
        assert!(no_key.contains("holds no private key"), "{no_key}");
        let strange =
            refused(&files(folder.path(), &certificate, &other.signing_key.serialize_pem()));
        assert!(strange.contains("cannot be used with"), "{strange}");
        let nowhere = TlsFiles { certificate: "/no/cert.pem".into(), key: "/no/key.pem".into() };
        assert!(refused(&nowhere).contains("cannot read /no/cert.pem"));
    }
}

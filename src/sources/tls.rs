//! TLS of database connections, with libpq's `sslmode` and `sslrootcert`.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Without TLS.
    Disable,
    /// With TLS only if the server refuses a connection without it.
    Allow,
    /// With TLS if the server offers it.
    Prefer,
    /// With TLS, without checking the certificate.
    Require,
    /// With TLS and a certificate from a trusted authority.
    VerifyCa,
    /// Like `VerifyCa`, and the certificate must name the host.
    VerifyFull,
}

/// The trusted root certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// The root certificates of this system.
    System,
    /// The certificates in a PEM file.
    File(PathBuf),
}

/// The certificate with which the client identifies itself, and its key: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The TLS settings of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) mode: Mode,
    pub(super) roots: Roots,
    pub(super) identity: Option<Identity>,
}

impl Tls {
    /// Builds the configuration of a client. The error says why the root certificates can't be used.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let verifies = matches!(self.mode, Mode::VerifyCa | Mode::VerifyFull);
        let roots = if verifies { self.roots.load()? } else { Vec::new() };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let chain = match (verifies, store.is_empty()) {
            (true, true) => return Err("no root certificate is known; name a file of them with sslrootcert".to_owned()),
            (true, false) => {
                let built = WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone()).build();
                Some(built.map_err(|error| error.to_string())?)
            }
            (false, _) => None,
        };
        let checks = Verifier { chain, roots, checks_name: self.mode == Mode::VerifyFull, provider: provider.clone() };
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(checks));
        let config = match &self.identity {
            Some(identity) if self.mode != Mode::Disable => {
                let (certificates, key) = identity.load()?;
                config.with_client_auth_cert(certificates, key).map_err(|error| format!("the client certificate can't be used: {error}"))?
            }
            _ => config.with_no_client_auth(),
        };
        Ok(config)
    }
}

impl Identity {
    /// Reads both files. Like libpq, refuses a key that other users may read.
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let Self { certificate, key } = self;
        let certificates = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let certificates =
            certificates.map_err(|error: pem::Error| format!("the client certificate {} can't be read: {error}", certificate.display()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = key.metadata().map_or(0, |metadata| metadata.permissions().mode());
            if mode & 0o037 != 0 {
                return Err(format!("other users may read the key {}; run chmod 600 on it", key.display()));
            }
        }
        let encrypted = "an encrypted key is not supported";
        let read = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
            pem::Error::NoItemsFound => format!("the key {} can't be read: it holds no key; {encrypted}", key.display()),
            error => format!("the key {} can't be read: {error}", key.display()),
        })?;
        Ok((certificates, read))
    }
}

impl Roots {
    fn load(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        match self {
            Self::System => Ok(rustls_native_certs::load_native_certs().certs),
            Self::File(path) => {
                let message = |error| format!("the root certificate {} can't be read: {error}", path.display());
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error: pem::Error| message(error))
            }
        }
    }
}

/// Verifies the server's certificate as the mode requires.
#[derive(Debug)]
struct Verifier {
    /// Verifies the chain; `None` if the mode does not require it.
    chain: Option<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    /// Whether the certificate must name the host.
    checks_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // A self-signed certificate is trusted if it is itself a root certificate.
        if self.roots.contains(certificate) {
            if self.checks_name {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.verify_server_cert(certificate, others, name, ocsp, now) {
            // The name is checked last, so that everything else is valid.
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if !self.checks_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

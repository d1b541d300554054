//! Encryption, and how far the server's certificate is trusted: libpq's `sslmode` and `sslrootcert`.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Never encrypted.
    Disable,
    /// Encrypted only if the server refuses what is not.
    Allow,
    /// Encrypted if the server can.
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted, and an authority that is trusted vouches for the server.
    VerifyCa,
    /// The same, and the certificate bears the server's name.
    VerifyFull,
}

/// Who vouches for servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Whoever this machine trusts.
    System,
    /// The certificates in a PEM file.
    File(PathBuf),
}

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) mode: Mode,
    pub(super) roots: Roots,
}

impl Tls {
    /// What is tried, one after the other, until the server takes it.
    pub(super) fn attempts(&self) -> &'static [SslMode] {
        match self.mode {
            Mode::Disable => &[SslMode::Disable],
            Mode::Allow => &[SslMode::Disable, SslMode::Require],
            Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
        }
    }

    /// What encrypts. An error says why the root certificates can't be used.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
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
        let checks = Verifier { chain, roots, named: self.mode == Mode::VerifyFull, provider: provider.clone() };
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(checks)).with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

impl Roots {
    fn load(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        match self {
            Self::System => Ok(rustls_native_certs::load_native_certs().certs),
            Self::File(path) => {
                let read = |error| format!("the root certificate {} can't be read: {error}", path.display());
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error: rustls::pki_types::pem::Error| read(error))
            }
        }
    }
}

/// Looks at the server's certificate as far as the mode asks.
#[derive(Debug)]
struct Verifier {
    /// Checks that an authority vouches; `None` where nobody needs to.
    chain: Option<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    /// Whether the certificate must bear the server's name.
    named: bool,
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
        // A server that signed its own certificate is trusted if that very certificate is.
        if self.roots.contains(certificate) {
            if self.named {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.verify_server_cert(certificate, others, name, ocsp, now) {
            // The name is looked at last, so that everything else was good.
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if !self.named =>
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

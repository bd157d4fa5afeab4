//! TLS to identity providers, with AWS's trust: a certificate of an authority that the system trusts, or one whose
//! fingerprint is registered with the provider.

use std::sync::{Arc, LazyLock};

use cloudtwin_core::federation::OidcProvider;
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::provider_keys::FetchError;

/// The authorities that the system trusts, read when they are first needed.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

#[derive(Debug)]
struct ProviderVerifier {
    crypto: Arc<CryptoProvider>,
    thumbprints: Vec<String>,
}

impl ProviderVerifier {
    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.crypto.signature_verification_algorithms
    }

    /// Whether the fingerprint of a certificate is registered.
    fn is_registered(&self, certificate: &CertificateDer<'_>) -> bool {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        let fingerprint: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.thumbprints.iter().any(|known| known.eq_ignore_ascii_case(&fingerprint))
    }

    fn verify_with(
        &self,
        roots: Arc<RootCertStore>,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = |_| Error::InvalidCertificate(CertificateError::UnknownIssuer);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.crypto))
            .build()
            .map_err(unknown)?
            .verify_server_cert(end_entity, intermediates, server_name, &[], now)
    }
}

impl ServerCertVerifier for ProviderVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = Arc::clone(&SYSTEM_ROOTS);
        let refused = match self.verify_with(roots, end_entity, intermediates, server_name, now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        if self.is_registered(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let mut registered = RootCertStore::empty();
        for certificate in intermediates.iter().filter(|certificate| self.is_registered(certificate)) {
            registered.add(certificate.clone().into_owned())?;
        }
        if registered.is_empty() {
            return Err(refused);
        }
        self.verify_with(Arc::new(registered), end_entity, intermediates, server_name, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// Encrypts a connection to `host`.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    provider: &OidcProvider,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        ProviderVerifier { crypto: Arc::clone(&crypto), thumbprints: provider.thumbprints.clone() };
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(|_| FetchError::Unreachable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| FetchError::Answer)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(_)) => FetchError::Certificate,
            _ => FetchError::Unreachable,
        }
    })
}

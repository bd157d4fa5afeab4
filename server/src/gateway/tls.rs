//! TLS on the same port: a certificate authority of this data directory, and certificates from it.
//!
//! The authority is made at the first TLS connection and kept in `tls/`; whoever trusts `tls/ca.pem`
//! can use https. Certificates are made in memory: one for the usual names, and one for every other
//! name that a client asks for (RFC 6066, server name indication), since buckets, APIs and regions
//! make more names than a list can hold.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use time::Duration;
use tokio::sync::OnceCell;
use tokio_rustls::TlsAcceptor;

use crate::failure::{Failure, Kind};
use crate::machine;

/// Names of the certificate for the usual names; one for any other is made when it is asked for.
const USUAL_NAMES: &[&str] = &[
    "localhost",
    "*.localhost",
    "127.0.0.1",
    "::1",
    "localhost.localstack.cloud",
    "*.localhost.localstack.cloud",
    "*.s3.localhost.localstack.cloud",
    "*.s3-website.localhost.localstack.cloud",
    "*.execute-api.localhost.localstack.cloud",
    "*.lambda-url.us-east-1.localhost.localstack.cloud",
    "*.opensearch.localhost.localstack.cloud",
    "*.cloudfront.localhost.localstack.cloud",
    "host.docker.internal",
    "host.containers.internal",
    "localstack",
    "cloudtwin",
];

/// Certificates for other names that are kept; then they are made again.
const MOST_CERTIFICATES: usize = 256;

/// macOS and iOS accept no server certificate that is valid for longer.
const CERTIFICATE_DAYS: i64 = 397;

const AUTHORITY_DAYS: i64 = 3650;

/// Where certificates come from.
#[derive(Debug)]
enum Source {
    /// The user's own certificate.
    Custom(Arc<CertifiedKey>),
    /// An authority kept in this directory.
    Directory(PathBuf),
    /// An authority that is forgotten at the end.
    Memory,
}

/// TLS for all connections, made ready when it is first needed.
pub(crate) struct Tls {
    source: Source,
    public_host: String,
    acceptor: OnceCell<TlsAcceptor>,
    authority: OnceCell<Authority>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS with the user's certificate, else with an authority in `data_dir`, else with one in
    /// memory. A custom certificate is read now, so that what is wrong with it is said at start.
    pub(crate) fn new(
        custom: Option<&Path>,
        data_dir: Option<&Path>,
        public_host: &str,
    ) -> Result<Self, Failure> {
        let source = match (custom, data_dir) {
            (Some(path), _) => Source::Custom(read_custom(path)?),
            (None, Some(data_dir)) => Source::Directory(directory(data_dir)),
            (None, None) => Source::Memory,
        };
        let public_host = public_host.to_ascii_lowercase();
        Ok(Self { source, public_host, acceptor: OnceCell::new(), authority: OnceCell::new() })
    }

    /// The acceptor, made at the first call.
    pub(crate) async fn acceptor(&self) -> Result<&TlsAcceptor, String> {
        self.acceptor
            .get_or_try_init(|| async {
                let resolver: Arc<dyn ResolvesServerCert> = match &self.source {
                    Source::Custom(key) => Arc::new(Fixed(Arc::clone(key))),
                    _ => Arc::new(Minter::new(self.authority().await?, &self.public_host)?),
                };
                let provider = Arc::new(ring::default_provider());
                let mut config = ServerConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| error.to_string())?
                    .with_no_client_auth()
                    .with_cert_resolver(resolver);
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                Ok(TlsAcceptor::from(Arc::new(config)))
            })
            .await
    }

    /// The PEM certificate that clients must trust; none when the user brought a certificate.
    pub(crate) async fn authority_pem(&self) -> Result<Option<&str>, String> {
        if let Source::Custom(_) = self.source {
            return Ok(None);
        }
        Ok(Some(&self.authority().await?.certificate_pem))
    }

    /// The authority as it is in the directory, or a new one.
    async fn authority(&self) -> Result<&Authority, String> {
        self.authority
            .get_or_try_init(|| async {
                let Source::Directory(path) = &self.source else { return Authority::generate() };
                let path = path.clone();
                let made = tokio::task::spawn_blocking(move || Authority::in_directory(&path)).await;
                made.map_err(|error| error.to_string())?
            })
            .await
    }
}

/// The directory of the authority in a data directory.
fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("tls")
}

/// The file with the certificate that clients must trust.
pub(crate) fn authority_file(data_dir: &Path) -> PathBuf {
    directory(data_dir).join("ca.pem")
}

/// The certificate that clients must trust, made when there is none yet.
pub(crate) fn ensure_authority(data_dir: &Path) -> Result<String, String> {
    Ok(Authority::in_directory(&directory(data_dir))?.certificate_pem)
}

struct Fixed(Arc<CertifiedKey>);

impl std::fmt::Debug for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixed").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn read_custom(path: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    let failure = |problem: String| {
        let message = format!(
            "CUSTOM_SSL_CERT_PATH {} cannot be used: {problem}; it must be a PEM file with certificate chain and key",
            path.display()
        );
        Failure::new(Kind::Certificate, message)
    };
    let text = fs::read(path).map_err(|error| failure(error.to_string()))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| failure(error.to_string()))?;
    if chain.is_empty() {
        return Err(failure("it has no certificate".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&text).map_err(|_| failure("it has no private key".to_owned()))?;
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| failure(error.to_string()))?;
    Ok(Arc::new(key))
}

/// A certificate authority.
#[derive(Debug)]
struct Authority {
    certificate_pem: String,
    key: KeyPair,
}

impl Authority {
    fn generate() -> Result<Self, String> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| error.to_string())?;
        let certificate = authority_params()?.self_signed(&key).map_err(|error| error.to_string())?;
        Ok(Self { certificate_pem: certificate.pem(), key })
    }

    /// Reads the authority in `directory`, or makes one there.
    fn in_directory(directory: &Path) -> Result<Self, String> {
        let certificate_path = directory.join("ca.pem");
        let key_path = directory.join("ca-key.pem");
        let problem = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        if let (Ok(certificate_pem), Ok(key_pem)) =
            (fs::read_to_string(&certificate_path), fs::read_to_string(&key_path))
        {
            let key = KeyPair::from_pem(&key_pem).map_err(|error| problem(&key_path, &error))?;
            return Ok(Self { certificate_pem, key });
        }
        let authority = Self::generate()?;
        fs::create_dir_all(directory).map_err(|error| problem(directory, &error))?;
        write_new(&key_path, &authority.key.serialize_pem(), 0o600)
            .map_err(|error| problem(&key_path, &error))?;
        write_new(&certificate_path, &authority.certificate_pem, 0o644)
            .map_err(|error| problem(&certificate_path, &error))?;
        Ok(authority)
    }
}

/// Writes a file whole or not at all, never readable for longer than `mode` allows.
fn write_new(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn authority_params() -> Result<CertificateParams, String> {
    let mut params = params(Vec::new(), "Cloudtwin local certificate authority", AUTHORITY_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn params(names: Vec<String>, common_name: &str, days: i64) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(names).map_err(|error| error.to_string())?;
    let now = machine::now();
    // A clock that is behind, as in a virtual machine, must not see a certificate of the future.
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(days);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // Browsers refuse two certificates of one authority with the same serial number.
    params.serial_number = Some(SerialNumber::from_slice(machine::unique_id().as_bytes()));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Makes certificates.
struct Minter {
    issuer: Issuer<'static, KeyPair>,
    authority_der: CertificateDer<'static>,
    leaf_key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    usual: Arc<CertifiedKey>,
    public_host: String,
    others: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Minter {
    fn new(authority: &Authority, public_host: &str) -> Result<Self, String> {
        let text = |error: rcgen::Error| error.to_string();
        let authority_der = CertificateDer::from_pem_slice(authority.certificate_pem.as_bytes())
            .map_err(|error| format!("ca.pem: {error}"))?;
        let authority_key = KeyPair::from_pem(&authority.key.serialize_pem()).map_err(text)?;
        let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(text)?;
        let der = PrivateKeyDer::try_from(leaf_key.serialize_der()).map_err(str::to_owned)?;
        let signing_key = ring::sign::any_ecdsa_type(&der).map_err(|error| error.to_string())?;
        let issuer = Issuer::new(authority_params()?, authority_key);
        let mut names: Vec<String> = USUAL_NAMES.iter().map(|name| (*name).to_owned()).collect();
        if !names.iter().any(|name| name == public_host) {
            names.push(public_host.to_owned());
        }
        let usual = mint(&issuer, &authority_der, &leaf_key, &signing_key, names)?;
        Ok(Self {
            issuer,
            authority_der,
            leaf_key,
            signing_key,
            usual,
            public_host: public_host.to_owned(),
            others: Mutex::new(HashMap::new()),
        })
    }

    fn certificate_for(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = name else { return Some(Arc::clone(&self.usual)) };
        let name = name.to_ascii_lowercase();
        if name == self.public_host || USUAL_NAMES.iter().any(|usual| covers(usual, &name)) {
            return Some(Arc::clone(&self.usual));
        }
        if let Some(known) = self.others.lock().get(&name) {
            return Some(Arc::clone(known));
        }
        let minted =
            mint(&self.issuer, &self.authority_der, &self.leaf_key, &self.signing_key, vec![name.clone()]);
        let minted =
            minted.inspect_err(|error| tracing::debug!("no certificate for {name}: {error}")).ok()?;
        let mut others = self.others.lock();
        if others.len() >= MOST_CERTIFICATES {
            others.clear();
        }
        others.insert(name, Arc::clone(&minted));
        Some(minted)
    }
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Minter {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate_for(hello.server_name())
    }
}

fn mint(
    issuer: &Issuer<'static, KeyPair>,
    authority: &CertificateDer<'static>,
    key: &KeyPair,
    signing_key: &Arc<dyn SigningKey>,
    names: Vec<String>,
) -> Result<Arc<CertifiedKey>, String> {
    let mut params = params(names, "Cloudtwin", CERTIFICATE_DAYS)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(key, issuer).map_err(|error| error.to_string())?;
    let chain = vec![certificate.der().clone(), authority.clone()];
    Ok(Arc::new(CertifiedKey::new(chain, Arc::clone(signing_key))))
}

/// Whether a name in a certificate fits a host (RFC 6125: `*` stands for one label).
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_authority_stays_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = ensure_authority(dir.path()).unwrap();
        assert_eq!(ensure_authority(dir.path()).unwrap(), first);
        assert_eq!(fs::read_to_string(authority_file(dir.path())).unwrap(), first);
        let mode = fs::metadata(dir.path().join("tls/ca-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn any_name_gets_a_certificate() {
        let minter = Minter::new(&Authority::generate().unwrap(), "emulator.example").unwrap();
        let usual = minter.certificate_for(None).unwrap();
        for name in ["localhost", "b.s3.localhost.localstack.cloud", "EMULATOR.example"] {
            assert!(Arc::ptr_eq(&usual, &minter.certificate_for(Some(name)).unwrap()), "{name}");
        }
        let name = Some("bucket.s3.eu-west-1.amazonaws.com");
        let other = minter.certificate_for(name).unwrap();
        assert!(!Arc::ptr_eq(&usual, &other));
        assert!(Arc::ptr_eq(&other, &minter.certificate_for(name).unwrap()));
    }

    #[test]
    fn a_custom_certificate_that_cannot_be_used_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.pem");
        fs::write(&path, Authority::generate().unwrap().certificate_pem).unwrap();
        let failure = Tls::new(Some(&path), None, "localhost").unwrap_err();
        assert_eq!(failure.kind(), Kind::Certificate);
        assert!(failure.to_string().contains("it has no private key"), "{failure}");
        let both = Authority::generate().unwrap();
        fs::write(&path, both.certificate_pem + &both.key.serialize_pem()).unwrap();
        Tls::new(Some(&path), None, "localhost").unwrap();
    }
}

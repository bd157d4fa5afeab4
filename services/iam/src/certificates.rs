//! X.509 certificates and private keys in PEM, as far as IAM looks into them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_smithy::Timestamp;
use x509_parser::error::X509Error;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What the text of a PEM block begins and ends with.
const DASHES: &str = "-----";

/// The blocks of a PEM text (RFC 7468): label and content. Text between blocks is passed over; `None` if a block
/// is broken.
pub(crate) fn pem_blocks(text: &str) -> Option<Vec<(&str, Vec<u8>)>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once(DASHES)?;
        let (content, after) = after.split_once("-----END ")?;
        rest = after.strip_prefix(label)?.strip_prefix(DASHES)?;
        let base64: String = content.split_ascii_whitespace().collect();
        blocks.push((label, STANDARD.decode(base64).ok()?));
    }
    Some(blocks)
}

/// A certificate.
pub(crate) struct Certificate {
    der: Vec<u8>,
    /// Until when it is valid.
    pub(crate) expires: Timestamp,
}

impl Certificate {
    /// The certificate in DER.
    pub(crate) fn from_der(der: Vec<u8>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(&der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let expires = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
        Some(Self { expires, der })
    }

    /// The certificates of a PEM text that has nothing else in it, at least one.
    pub(crate) fn from_pem(text: &str) -> Option<Vec<Self>> {
        let blocks = pem_blocks(text)?;
        let certificates = blocks
            .into_iter()
            .map(|(label, der)| if label == "CERTIFICATE" { Self::from_der(der) } else { None })
            .collect::<Option<Vec<_>>>()?;
        if certificates.is_empty() { None } else { Some(certificates) }
    }

    /// The one certificate of a PEM text.
    pub(crate) fn only_from_pem(text: &str) -> Option<Self> {
        Self::from_pem(text).filter(|certificates| certificates.len() == 1)?.pop()
    }

    /// The certificate in DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    fn parsed(&self) -> Option<X509Certificate<'_>> {
        X509Certificate::from_der(&self.der).ok().map(|(_, certificate)| certificate)
    }

    /// Whether another certificate is that of its issuer: the names fit, and so does the signature, if it is of
    /// a kind that can be checked.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> bool {
        let (Some(own), Some(other)) = (self.parsed(), issuer.parsed()) else { return false };
        own.issuer().as_raw() == other.subject().as_raw()
            && !matches!(
                own.verify_signature(Some(other.public_key())),
                Err(X509Error::SignatureVerificationError)
            )
    }

    /// Whether a private key is that of the certificate.
    pub(crate) fn belongs_to(&self, key: &PrivateKey) -> bool {
        let Some(own) = self.parsed() else { return false };
        let public = own.public_key().subject_public_key.data.as_ref();
        match key {
            PrivateKey::Rsa { modulus, exponent } => {
                let numbers = sequence(public).and_then(|content| {
                    let (modulus, rest) = element(content, INTEGER)?;
                    Some((modulus, element(rest, INTEGER)?.0))
                });
                numbers == Some((modulus, exponent))
            }
            PrivateKey::Ec { public: point } => public == point.as_slice(),
        }
    }
}

/// What is public of a private key.
pub(crate) enum PrivateKey {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ec { public: Vec<u8> },
}

const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OCTET_STRING: u8 = 4;
const SEQUENCE: u8 = 0x30;
/// `[1]` of an `ECPrivateKey`: the public key.
const EC_PUBLIC: u8 = 0xa1;

impl PrivateKey {
    /// The one private key of a PEM text: RSA (PKCS #1), EC (SEC 1) or either in PKCS #8, not encrypted.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let blocks = pem_blocks(text)?;
        // `openssl ecparam -genkey` writes the curve before the key.
        let mut keys = blocks.into_iter().filter(|(label, _)| *label != "EC PARAMETERS");
        let (label, der) = keys.next()?;
        if keys.next().is_some() {
            return None;
        }
        match label {
            "RSA PRIVATE KEY" => Self::rsa(&der),
            "EC PRIVATE KEY" => Self::ec(&der),
            "PRIVATE KEY" => {
                let (_, rest) = element(sequence(&der)?, INTEGER)?;
                let (_, rest) = element(rest, SEQUENCE)?;
                let (key, _) = element(rest, OCTET_STRING)?;
                Self::rsa(key).or_else(|| Self::ec(key))
            }
            _ => None,
        }
    }

    fn rsa(der: &[u8]) -> Option<Self> {
        let (_, rest) = element(sequence(der)?, INTEGER)?;
        let (modulus, rest) = element(rest, INTEGER)?;
        let (exponent, _) = element(rest, INTEGER)?;
        Some(Self::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    fn ec(der: &[u8]) -> Option<Self> {
        let (_, rest) = element(sequence(der)?, INTEGER)?;
        let (_, mut rest) = element(rest, OCTET_STRING)?;
        while !rest.is_empty() {
            let (tag, content, after) = any_element(rest)?;
            if tag == EC_PUBLIC {
                let (bits, _) = element(content, BIT_STRING)?;
                // The first byte says how many bits of the last one are unused.
                return Some(Self::Ec { public: bits.get(1..)?.to_vec() });
            }
            rest = after;
        }
        None
    }
}

/// The content of a sequence that is all of a text in DER.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    element(der, SEQUENCE).map(|(content, _)| content)
}

/// The content of an element with this tag, and what follows.
fn element(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any_element(der)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag and content of the first element, and what follows.
fn any_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=127 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long - 128)?;
            if bytes.len() > 4 {
                return None;
            }
            (bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// A text in PEM.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let base64 = STANDARD.encode(der);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END " + label + DASHES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certified() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap()
    }

    #[test]
    fn a_certificate_knows_its_key() {
        let (one, other) = (certified(), certified());
        let certificate = Certificate::only_from_pem(&one.cert.pem()).unwrap();
        let key = |pair: &rcgen::KeyPair| PrivateKey::from_pem(&pair.serialize_pem()).unwrap();
        assert!(certificate.belongs_to(&key(&one.signing_key)));
        assert!(!certificate.belongs_to(&key(&other.signing_key)));
        assert!(PrivateKey::from_pem(&one.cert.pem()).is_none());
    }

    #[test]
    fn a_chain_is_checked_by_names_and_signatures() {
        let self_signed = Certificate::only_from_pem(&certified().cert.pem()).unwrap();
        let other = Certificate::only_from_pem(&certified().cert.pem()).unwrap();
        assert!(self_signed.is_issued_by(&self_signed));
        // Same name, another key.
        assert!(!self_signed.is_issued_by(&other));
    }

    #[test]
    fn pem_is_what_it_was() {
        let text = to_pem("X", &[7; 100]);
        assert_eq!(pem_blocks(&text).unwrap(), [("X", vec![7; 100])]);
        assert_eq!(pem_blocks("nothing").unwrap(), []);
        assert!(pem_blocks("-----BEGIN X-----\nAAAA\n-----END Y-----").is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(-----(BEGIN|END) (EC |RSA )?(PRIVATE KEY|CERTIFICATE)-----|[A-Za-z0-9+/=\n -]){0,12}", der: Vec<u8>) {
            let _ = Certificate::from_pem(&text);
            let _ = PrivateKey::from_pem(&text);
            let _ = PrivateKey::from_pem(&to_pem("PRIVATE KEY", &der));
            let _ = Certificate::from_der(der);
        }
    }
}

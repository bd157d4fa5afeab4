//! Signatures of XML elements (<https://www.w3.org/TR/xmldsig-core1/>), as SAML 2.0 profiles them (core
//! specification, section 5.4): enveloped, one reference to the element that they stand in, exclusive canonical
//! form. Keys come from the provider's metadata, never from the signature.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{self, SHA256, SHA384, SHA512};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::xml::Element;

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// What was found of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    Not,
    Well,
    Badly,
}

fn verification(method: &str) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match method {
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => &RSA_PKCS1_2048_8192_SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => &RSA_PKCS1_2048_8192_SHA384,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => &RSA_PKCS1_2048_8192_SHA512,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => &ECDSA_P256_SHA256_FIXED,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => &ECDSA_P384_SHA384_FIXED,
        _ => return None,
    })
}

fn digest(method: &str) -> Option<&'static digest::Algorithm> {
    Some(match method {
        "http://www.w3.org/2001/04/xmlenc#sha256" => &SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &SHA512,
        _ => return None,
    })
}

fn bytes(element: &Element) -> Option<Vec<u8>> {
    let text: String = element.text()?.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).ok()
}

fn algorithm<'a>(parent: &'a Element, name: &'a str) -> Option<&'a str> {
    parent.only(DSIG, name)?.attribute("Algorithm")
}

/// Prefixes that the exclusive canonical form is to treat inclusively.
fn inclusive(method: &Element) -> Vec<&str> {
    let list = method.only(EXCLUSIVE, "InclusiveNamespaces").and_then(|list| list.attribute("PrefixList"));
    list.unwrap_or_default().split_ascii_whitespace().collect()
}

/// Whether a key of `certificates` signed `element`.
pub(super) fn signed(element: &Element, certificates: &[Vec<u8>]) -> Signed {
    let mut signatures = element.all(DSIG, "Signature");
    match (signatures.next(), signatures.next()) {
        (None, _) => Signed::Not,
        (Some(signature), None) if verify(element, signature, certificates).is_some() => Signed::Well,
        _ => Signed::Badly,
    }
}

fn verify(element: &Element, signature: &Element, certificates: &[Vec<u8>]) -> Option<()> {
    let info = signature.only(DSIG, "SignedInfo")?;
    let reference = info.only(DSIG, "Reference")?;
    let named = reference.attribute("URI")?.strip_prefix('#')?;
    if element.attribute("ID") != Some(named) {
        return None;
    }
    // No transforms but these two: others could sign something else than what is read.
    let mut listed = Vec::new();
    let mut canonical = false;
    for transform in reference.only(DSIG, "Transforms")?.elements() {
        match transform.attribute("Algorithm")? {
            ENVELOPED if !canonical => {}
            EXCLUSIVE if !canonical => {
                canonical = true;
                listed = inclusive(transform);
            }
            _ => return None,
        }
    }
    if !canonical {
        return None;
    }
    let content = element.canonical(Some(signature), &listed);
    let actual = digest::digest(digest(algorithm(reference, "DigestMethod")?)?, content.as_bytes());
    if actual.as_ref() != bytes(reference.only(DSIG, "DigestValue")?)? {
        return None;
    }
    let method = info.only(DSIG, "CanonicalizationMethod")?;
    if method.attribute("Algorithm")? != EXCLUSIVE {
        return None;
    }
    let message = info.canonical(None, &inclusive(method));
    let value = bytes(signature.only(DSIG, "SignatureValue")?)?;
    let algorithm = verification(algorithm(info, "SignatureMethod")?)?;
    let made = |certificate: &Vec<u8>| {
        X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
            let key = &certificate.public_key().subject_public_key.data;
            UnparsedPublicKey::new(algorithm, key).verify(message.as_bytes(), &value).is_ok()
        })
    };
    certificates.iter().any(made).then_some(())
}

//! Metadata documents of SAML 2.0 identity providers (OASIS `saml-metadata-2.0-os`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_smithy::Timestamp;
use cloudtwin_smithy::codec::xml::{NodeId, Tree};
use cloudtwin_smithy::schema::TimestampFormat;

use crate::certificates::Certificate;

/// What a metadata document says, as far as anybody needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) entity_id: String,
    /// DER, in their order.
    pub(crate) signing_certificates: Vec<Vec<u8>>,
    pub(crate) valid_until: Option<Timestamp>,
}

impl Metadata {
    /// Reads a document; `None` if it does not describe an identity provider with a certificate and a place to
    /// sign in.
    pub(crate) fn parse(document: &str) -> Option<Self> {
        let tree = Tree::parse(document.trim().as_bytes()).ok()?;
        let root = tree.root();
        let entity = match tree.name(root) {
            "EntityDescriptor" => root,
            "EntitiesDescriptor" => tree.children(root).find(|child| {
                tree.name(*child) == "EntityDescriptor" && tree.child(*child, "IDPSSODescriptor").is_some()
            })?,
            _ => return None,
        };
        let provider = tree.child(entity, "IDPSSODescriptor")?;
        tree.child(provider, "SingleSignOnService")?;
        let mut signing_certificates = Vec::new();
        for key in named(&tree, provider, "KeyDescriptor") {
            if tree.attribute(key, "use").is_none_or(|used| used == "signing") {
                certificates(&tree, key, &mut signing_certificates)?;
            }
        }
        if signing_certificates.is_empty() {
            return None;
        }
        // The narrowest limit counts.
        let limits =
            [root, entity, provider].into_iter().filter_map(|node| tree.attribute(node, "validUntil"));
        let limits = limits.map(|text| Timestamp::parse(text, TimestampFormat::DateTime));
        Some(Self {
            entity_id: tree.attribute(entity, "entityID").filter(|id| !id.is_empty())?.to_owned(),
            signing_certificates,
            valid_until: limits.collect::<Option<Vec<_>>>()?.into_iter().min(),
        })
    }
}

fn named<'t>(tree: &'t Tree<'_>, parent: NodeId, name: &'static str) -> impl Iterator<Item = NodeId> + 't {
    tree.children(parent).filter(move |child| tree.name(*child) == name)
}

/// The certificates of a `KeyDescriptor`; `None` if one cannot be read.
fn certificates(tree: &Tree<'_>, key: NodeId, found: &mut Vec<Vec<u8>>) -> Option<()> {
    for info in named(tree, key, "KeyInfo") {
        for data in named(tree, info, "X509Data") {
            for certificate in named(tree, data, "X509Certificate") {
                let base64: String = tree.text(certificate)?.split_ascii_whitespace().collect();
                let der = STANDARD.decode(base64).ok()?;
                found.push(Certificate::from_der(der)?.der().to_vec());
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(attributes: &str, certificate: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
            xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example/saml" {attributes}>
            <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
            <md:KeyDescriptor use="encryption"><ds:KeyInfo/></md:KeyDescriptor>
            <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}
            </ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
            <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
            Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
        )
    }

    #[test]
    fn a_document_tells_who_signs() {
        let key = rcgen::generate_simple_self_signed(["idp.example".to_owned()]).unwrap();
        let base64 = STANDARD.encode(key.cert.der());
        let metadata = Metadata::parse(&document(r#"validUntil="2030-01-02T03:04:05Z""#, &base64)).unwrap();
        assert_eq!(metadata.entity_id, "https://idp.example/saml");
        assert_eq!(metadata.signing_certificates, [key.cert.der().to_vec()]);
        assert_eq!(metadata.valid_until, Some(Timestamp::from_seconds(1_893_553_445)));

        assert_eq!(Metadata::parse(&document("", &base64)).unwrap().valid_until, None);
        assert_eq!(Metadata::parse(&document(r#"validUntil="soon""#, &base64)), None);
        assert_eq!(Metadata::parse(&document("", "AAAA")), None);
        assert_eq!(Metadata::parse("<a/>"), None);
        assert_eq!(Metadata::parse("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>/a-z\"= &;!]{0,80}") {
            let _ = Metadata::parse(&text);
        }
    }
}

//! Sessions for those whom a SAML 2.0 provider vouches for.

#![cfg(test)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_core::credentials::SESSION_CREDENTIALS;
use cloudtwin_core::federation::{SAML_PROVIDERS, SamlProvider};
use cloudtwin_core::{Caller, Session};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const ROLE: &str = "arn:aws:iam::111111111111:role/staff";
const PROVIDER: &str = "arn:aws:iam::111111111111:saml-provider/Corp";

/// An identity provider.
struct Idp {
    certificate: Vec<u8>,
    key: EcdsaKeyPair,
}

/// What differs between the responses of these stories.
struct Response {
    issuer: &'static str,
    audience: &'static str,
    subject: &'static str,
    role: String,
    /// Seconds from now to its end.
    lasts: i64,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            issuer: "https://idp.example.com",
            audience: "urn:amazon:webservices",
            subject: "ann",
            role: format!("{ROLE},{PROVIDER}"),
            lasts: 300,
        }
    }
}

impl Idp {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["idp.example.com".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap().der().to_vec();
        let random = SystemRandom::new();
        let der = key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
        Self { certificate, key }
    }

    /// A response with a signed assertion, written in its canonical form.
    fn respond(&self, now: i64, response: &Response) -> String {
        let ends =
            OffsetDateTime::from_unix_timestamp(now + response.lasts).unwrap().format(&Rfc3339).unwrap();
        let attribute = |name: &str, value: &str| {
            format!(
                "<saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/{name}\"><saml:AttributeValue>\
                 {value}</saml:AttributeValue></saml:Attribute>"
            )
        };
        let head = format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a\" Version=\"2.0\">\
             <saml:Issuer>{}</saml:Issuer>",
            response.issuer
        );
        let tail = format!(
            "<saml:Subject><saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">{}\
             </saml:NameID><saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData NotOnOrAfter=\"{ends}\" \
             Recipient=\"https://signin.aws.amazon.com/saml\"></saml:SubjectConfirmationData>\
             </saml:SubjectConfirmation></saml:Subject><saml:Conditions NotOnOrAfter=\"{ends}\">\
             <saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction>\
             </saml:Conditions><saml:AttributeStatement>{}{}{}{}</saml:AttributeStatement></saml:Assertion>",
            response.subject,
            response.audience,
            attribute("Role", &response.role),
            attribute("RoleSessionName", "ann@example.com"),
            attribute("PrincipalTag:Team", "a"),
            attribute("SessionDuration", "1800"),
        );
        let content = digest(&SHA256, format!("{head}{tail}").as_bytes());
        let info = format!(
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">\
             </ds:CanonicalizationMethod><ds:SignatureMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#_a\"><ds:Transforms><ds:Transform \
             Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform><ds:Transform \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
            BASE64_STANDARD.encode(content)
        );
        let signed = format!("<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{info}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let signature = BASE64_STANDARD.encode(signature);
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_r\" Version=\"2.0\">\
             <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>\
             {head}<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>{info}\
             <ds:SignatureValue>{signature}</ds:SignatureValue></ds:Signature>{tail}</samlp:Response>"
        )
    }
}

/// A cloud whose account 111111111111 trusts the provider.
async fn cloud(idp: &Idp) -> TestCloud {
    let cloud = TestCloud::start(vec![cloudtwin_sts::service()]).unwrap();
    let provider = SamlProvider {
        name: "Corp".to_owned(),
        metadata: String::new(),
        entity_id: "https://idp.example.com".to_owned(),
        signing_certificates: vec![idp.certificate.clone()],
        valid_until: i64::MAX,
        created: cloud.cloud().clock().now(),
        uuid: "SAMLSP0".to_owned(),
        assertion_encryption: None,
        private_keys: Vec::new(),
        tags: Vec::new(),
    };
    let db = cloud.cloud().db().scoped("111111111111", "");
    db.write::<_, StoreError, _>(|tx| tx.put(&SAML_PROVIDERS, "Corp", &provider)).await.unwrap();
    cloud.caller(Caller::anonymous("000000000000"))
}

async fn assume(cloud: &TestCloud, response: &str) -> Result<Value, AwsError> {
    let assertion = BASE64_STANDARD.encode(response);
    let input = json!({"RoleArn": ROLE, "PrincipalArn": PROVIDER, "SAMLAssertion": assertion});
    cloud.call("sts", "AssumeRoleWithSAML", input).await
}

fn now(cloud: &TestCloud) -> i64 {
    cloud.cloud().clock().now_millis() / 1_000
}

#[tokio::test]
async fn staff_takes_on_a_role_with_an_assertion() {
    let idp = Idp::new();
    let cloud = cloud(&idp).await;
    let answer = assume(&cloud, &idp.respond(now(&cloud), &Response::default())).await.unwrap();
    assert_eq!(
        answer["AssumedRoleUser"]["Arn"],
        "arn:aws:sts::111111111111:assumed-role/staff/ann@example.com"
    );
    assert_eq!((&answer["Subject"], &answer["SubjectType"]), (&json!("ann"), &json!("persistent")));
    assert_eq!(answer["Issuer"], "https://idp.example.com");
    assert_eq!(answer["Audience"], "https://signin.aws.amazon.com/saml");
    let key = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    let db = cloud.cloud().db().scoped("", "");
    let row = db.read::<_, StoreError, _>(|tx| tx.get(&SESSION_CREDENTIALS, key)).unwrap().unwrap();
    let session: &Session = row.caller.session.as_ref().unwrap();
    assert_eq!(session.federated_provider.as_deref(), Some(PROVIDER));
    assert_eq!(session.tags, [("Team".to_owned(), "a".to_owned())]);
    assert_eq!(session.keys["saml:doc"], ["111111111111/Corp"]);
    assert_eq!(session.keys["saml:namequalifier"], [answer["NameQualifier"].as_str().unwrap()]);
    assert!((1_799_000..=1_800_000).contains(&(session.expires - session.issued)));
}

#[tokio::test]
async fn assertions_that_prove_nothing_are_refused() {
    let idp = Idp::new();
    let cloud = cloud(&idp).await;
    let now = now(&cloud);
    let good = idp.respond(now, &Response::default());
    let invalid = "InvalidIdentityToken";
    let bad_signature = "Response signature invalid";
    let wrapped = {
        // Another assertion before the signed one.
        let eve = Idp::new().respond(now, &Response { subject: "eve", ..Response::default() });
        let from = eve.find("<saml:Assertion").unwrap();
        let to = eve.find("</samlp:Response>").unwrap();
        good.replace("<saml:Assertion", &format!("{}<saml:Assertion", &eve[from..to]))
    };
    let unsigned = {
        let (from, to) = (good.find("<ds:Signature").unwrap(), good.find("</ds:Signature>").unwrap());
        format!("{}{}", &good[..from], &good[to + "</ds:Signature>".len()..])
    };
    for (response, code, message) in [
        (good.replace(">ann<", ">eve<"), invalid, bad_signature),
        (Idp::new().respond(now, &Response::default()), invalid, bad_signature),
        (unsigned, invalid, bad_signature),
        (wrapped, invalid, "Invalid SAML response: it cannot be read"),
        (good.replace("ID=\"_r\"", "ID=\"_a\""), invalid, bad_signature),
        ("<a>".to_owned(), invalid, "Invalid SAML response: it cannot be read"),
        (
            idp.respond(now, &Response { issuer: "https://other.example.com", ..Response::default() }),
            invalid,
            "Issuer not present in specified provider",
        ),
        (
            idp.respond(now, &Response { audience: "urn:other", ..Response::default() }),
            invalid,
            "Response does not contain the required audience.",
        ),
        (
            idp.respond(now, &Response { lasts: -1, ..Response::default() }),
            "ExpiredTokenException",
            "Token must be redeemed within 5 minutes of issuance",
        ),
        (
            idp.respond(now, &Response { role: "other,pair".to_owned(), ..Response::default() }),
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithSAML",
        ),
    ] {
        let error = assume(&cloud, &response).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (code, message));
    }
    // The same assertion, written otherwise, is the same.
    let rewritten = good.replace("></saml:SubjectConfirmationData>", "  /><!-- here -->");
    assume(&cloud, &rewritten).await.unwrap();
}

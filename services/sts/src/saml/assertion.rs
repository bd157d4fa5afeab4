//! What a SAML 2.0 response says, once it is proved who says it.

use cloudtwin_core::federation::SamlProvider;
use cloudtwin_smithy::AwsError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::signature::{Signed, signed};
use super::xml::Element;
use crate::api::errors::{
    EXPIRED_TOKEN_EXCEPTION, IDP_REJECTED_CLAIM_EXCEPTION, INVALID_IDENTITY_TOKEN_EXCEPTION,
};

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const FORMATS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// How much the provider's clock may be ahead, in seconds.
const SKEW: i64 = 300;

/// An assertion that was proved.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) subject_type: String,
    pub(super) recipient: String,
    /// Names and values of its attributes, in order.
    attributes: Vec<(String, Vec<String>)>,
}

pub(super) fn invalid(message: &str) -> AwsError {
    INVALID_IDENTITY_TOKEN_EXCEPTION.with(message)
}

/// An endpoint at which AWS takes assertions, of any region.
fn is_sign_in(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let host =
        host.strip_suffix("signin.aws.amazon.com").or_else(|| host.strip_suffix("signin.amazonaws.cn"));
    host.is_some_and(|region| region.is_empty() || region.ends_with('.'))
        && (path == "saml" || path.starts_with("saml/acs/"))
}

fn seconds(element: &Element, name: &str) -> Result<Option<i64>, AwsError> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp);
    let time = element.attribute(name).map(parse).transpose();
    time.map_err(|_| invalid("Invalid SAML response: a time cannot be read"))
}

/// Whether the times of an element are of now.
fn check_times(element: &Element, now: i64) -> Result<(), AwsError> {
    if seconds(element, "NotOnOrAfter")?.is_some_and(|end| end <= now) {
        return Err(EXPIRED_TOKEN_EXCEPTION.with("Token must be redeemed within 5 minutes of issuance"));
    }
    if seconds(element, "NotBefore")?.is_some_and(|begin| begin > now.saturating_add(SKEW)) {
        return Err(invalid("The SAML assertion is not valid yet"));
    }
    Ok(())
}

fn child_text(element: &Element, name: &str) -> Option<String> {
    Some(element.only(ASSERTION, name)?.text()?.trim().to_owned())
}

impl Assertion {
    /// Reads and proves a response for `provider` at `now` (seconds since 1970).
    pub(super) fn read(text: &str, provider: &SamlProvider, now: i64) -> Result<Self, AwsError> {
        let malformed = || invalid("Invalid SAML response: it cannot be read");
        let response = Element::parse(text).ok_or_else(malformed)?;
        if !response.is(PROTOCOL, "Response") || response.attribute("Version") != Some("2.0") {
            return Err(malformed());
        }
        let status = response.only(PROTOCOL, "Status").and_then(|status| status.only(PROTOCOL, "StatusCode"));
        if status.and_then(|code| code.attribute("Value")) != Some(SUCCESS) {
            return Err(IDP_REJECTED_CLAIM_EXCEPTION.with("The identity provider did not sign the user in"));
        }
        if response.all(ASSERTION, "EncryptedAssertion").next().is_some() {
            return Err(invalid("Encrypted assertions are not supported"));
        }
        if provider.assertion_encryption.as_deref() == Some("Required") {
            return Err(invalid("The SAML provider requires encrypted assertions"));
        }
        let mut ids = Vec::new();
        response.ids(&mut ids);
        ids.sort_unstable();
        let assertion = response.only(ASSERTION, "Assertion").ok_or_else(malformed)?;
        let certificates = &provider.signing_certificates;
        let signatures = [signed(&response, certificates), signed(assertion, certificates)];
        // What is read below is in the very elements that were signed. Two elements of one name could be
        // mistaken for each other all the same.
        if ids.windows(2).any(|pair| pair.first() == pair.last())
            || signatures.contains(&Signed::Badly)
            || !signatures.contains(&Signed::Well)
        {
            return Err(invalid("Response signature invalid"));
        }
        Self::proved(assertion, provider, now)
    }

    fn proved(assertion: &Element, provider: &SamlProvider, now: i64) -> Result<Self, AwsError> {
        let issuer = child_text(assertion, "Issuer").filter(|issuer| *issuer == provider.entity_id);
        let issuer = issuer.ok_or_else(|| invalid("Issuer not present in specified provider"))?;
        if now.saturating_mul(1_000) >= provider.valid_until {
            return Err(invalid("The metadata document of the SAML provider has expired"));
        }
        let no_audience = || invalid("Response does not contain the required audience.");
        let conditions = assertion.only(ASSERTION, "Conditions").ok_or_else(no_audience)?;
        check_times(conditions, now)?;
        let mut restrictions = conditions.all(ASSERTION, "AudienceRestriction").peekable();
        if restrictions.peek().is_none() {
            return Err(no_audience());
        }
        for restriction in restrictions {
            let mut audiences = restriction.all(ASSERTION, "Audience").filter_map(Element::text);
            if !audiences.any(|text| text.trim() == "urn:amazon:webservices" || is_sign_in(text.trim())) {
                return Err(no_audience());
            }
        }

        let no_subject = || invalid("The SAML assertion has no subject that can be confirmed");
        let subject = assertion.only(ASSERTION, "Subject").ok_or_else(no_subject)?;
        let name = subject.only(ASSERTION, "NameID").ok_or_else(no_subject)?;
        let format = name.attribute("Format").unwrap_or(UNSPECIFIED);
        let confirmation = subject
            .all(ASSERTION, "SubjectConfirmation")
            .find(|confirmation| confirmation.attribute("Method") == Some(BEARER))
            .and_then(|confirmation| confirmation.only(ASSERTION, "SubjectConfirmationData"))
            .ok_or_else(no_subject)?;
        check_times(confirmation, now)?;
        let recipient = confirmation.attribute("Recipient").unwrap_or_default();
        if !is_sign_in(recipient) || confirmation.attribute("NotOnOrAfter").is_none() {
            return Err(no_subject());
        }

        let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
        for statement in assertion.all(ASSERTION, "AttributeStatement") {
            for attribute in statement.all(ASSERTION, "Attribute") {
                let values = attribute.all(ASSERTION, "AttributeValue").filter_map(Element::text);
                let values = values.map(|value| value.trim().to_owned()).collect();
                attributes.push((attribute.attribute("Name").unwrap_or_default().to_owned(), values));
            }
        }
        Ok(Self {
            issuer,
            subject: name.text().ok_or_else(no_subject)?.trim().to_owned(),
            subject_type: format.strip_prefix(FORMATS).unwrap_or(format).to_owned(),
            recipient: recipient.to_owned(),
            attributes,
        })
    }

    /// The values of an attribute.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.attributes.iter().filter(move |(found, _)| found == name);
        named.flat_map(|(_, values)| values).map(String::as_str)
    }

    /// The attributes whose names begin with `prefix`: what follows it, and their values.
    pub(super) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [String])> {
        self.attributes
            .iter()
            .filter_map(move |(name, values)| Some((name.strip_prefix(prefix)?, values.as_slice())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assertions_are_for_aws() {
        for url in [
            "https://signin.aws.amazon.com/saml",
            "https://eu-west-1.signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/saml/acs/SAMLSPEXAMPLE",
            "https://signin.amazonaws.cn/saml",
        ] {
            assert!(is_sign_in(url), "{url}");
        }
        for url in [
            "",
            "https://evilsignin.aws.amazon.com/saml",
            "http://signin.aws.amazon.com/saml",
            "https://x/saml",
        ] {
            assert!(!is_sign_in(url), "{url}");
        }
    }
}

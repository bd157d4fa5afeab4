//! The policies that AWS manages: their default versions, embedded (`models/managed-policies.tsv.gz`).

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use cloudtwin_smithy::Timestamp;
use flate2::read::GzDecoder;

/// What the ARNs of these policies begin with.
pub(crate) const ARN_PREFIX: &str = "arn:aws:iam::aws:policy";

static COMPRESSED: &[u8] = include_bytes!("../../../models/managed-policies.tsv.gz");

/// Largest text that the embedded file may have, in bytes.
const LARGEST: u64 = 64 << 20;

/// A policy that AWS manages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AwsManagedPolicy {
    /// `/`, `/service-role/` …
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    /// The default version, `v2`. Older ones are not known.
    pub(crate) version: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) document: &'static str,
}

impl AwsManagedPolicy {
    /// The ARN.
    pub(crate) fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}{}", self.path, self.name)
    }

    /// An id of AWS's form. The source of the documents does not know the real ones, so it is made from the
    /// ARN; it never changes.
    pub(crate) fn id(&self) -> String {
        let hash = blake3::hash(self.arn().as_bytes());
        let letters = hash.as_bytes().iter().take(17).map(|byte| match byte % 32 {
            letter @ 0..=25 => char::from(b'A' + letter),
            digit => char::from(b'2' + digit - 26),
        });
        "ANPA".chars().chain(letters).collect()
    }

    /// Whether it can be attached to what is not a service-linked role.
    pub(crate) fn is_for_services_only(&self) -> bool {
        self.path == "/aws-service-role/"
    }
}

struct Policies {
    in_order: Vec<AwsManagedPolicy>,
    by_name: HashMap<&'static str, usize>,
}

/// Every policy that AWS manages, by name.
pub(crate) fn all() -> &'static [AwsManagedPolicy] {
    &policies().in_order
}

/// The policy with this ARN.
pub(crate) fn find(arn: &str) -> Option<&'static AwsManagedPolicy> {
    let path_and_name = arn.strip_prefix(ARN_PREFIX)?;
    let name = path_and_name.rsplit('/').next()?;
    let policies = policies();
    let found = policies.in_order.get(*policies.by_name.get(name)?)?;
    (path_and_name.strip_suffix(name) == Some(found.path)).then_some(found)
}

fn policies() -> &'static Policies {
    static POLICIES: OnceLock<Policies> = OnceLock::new();
    POLICIES.get_or_init(|| {
        // Kept for as long as the process lives; unpacked when the first one is asked for.
        let text: &'static str = Box::leak(unpack().into_boxed_str());
        let in_order: Vec<AwsManagedPolicy> = text.lines().filter_map(line).collect();
        let by_name = in_order.iter().enumerate().map(|(index, policy)| (policy.name, index)).collect();
        Policies { in_order, by_name }
    })
}

fn unpack() -> String {
    let mut text = String::new();
    if let Err(error) = GzDecoder::new(COMPRESSED).take(LARGEST).read_to_string(&mut text) {
        tracing::error!(%error, "the embedded AWS-managed policies cannot be unpacked");
    }
    text
}

fn line(line: &'static str) -> Option<AwsManagedPolicy> {
    let mut fields = line.splitn(6, '\t');
    let mut next = || fields.next();
    Some(AwsManagedPolicy {
        path: next()?,
        name: next()?,
        version: next()?,
        created: Timestamp::from_seconds(next()?.parse().ok()?),
        updated: Timestamp::from_seconds(next()?.parse().ok()?),
        document: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_found_by_their_arn() {
        let policy = find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").unwrap();
        assert_eq!(policy.version, "v1");
        assert!(policy.document.contains("logs:PutLogEvents"));
        assert_eq!(policy.id().len(), 21);
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
        assert!(find("arn:aws:iam::aws:policy/NoSuchPolicy").is_none());
        assert!(find("arn:aws:iam::000000000000:policy/AdministratorAccess").is_none());
    }

    #[test]
    fn every_line_of_the_file_is_a_policy() {
        assert_eq!(all().len(), unpack().lines().count());
        assert!(all().len() > 1_500);
        assert!(all().windows(2).all(|pair| pair[0].name < pair[1].name));
        for policy in all() {
            assert!(serde_json::from_str::<serde_json::Value>(policy.document).is_ok(), "{}", policy.name);
        }
    }
}

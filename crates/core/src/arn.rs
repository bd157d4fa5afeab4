//! Amazon Resource Names.

use std::fmt;
use std::str::FromStr;

/// `arn:partition:service:region:account:resource`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn` …
    pub partition: String,
    /// `sqs`, `s3` …
    pub service: String,
    /// Empty for global resources.
    pub region: String,
    /// Empty for S3 buckets.
    pub account: String,
    /// All that follows the fifth colon.
    pub resource: String,
}

impl Arn {
    /// An ARN in the partition `aws`.
    pub fn new(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        Self {
            partition: "aws".to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.into(),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The text is no ARN: it has too few parts, or an empty one where none may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnArn;

impl fmt::Display for NotAnArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ARN: expected arn:partition:service:region:account:resource")
    }
}

impl std::error::Error for NotAnArn {}

impl FromStr for Arn {
    type Err = NotAnArn;

    fn from_str(text: &str) -> Result<Self, NotAnArn> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(NotAnArn);
        let (scheme, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        if scheme != "arn" || partition.is_empty() || service.is_empty() || resource.is_empty() {
            return Err(NotAnArn);
        }
        let arn = Self::new(service, region, account, resource);
        Ok(Self { partition: partition.to_owned(), ..arn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_keeps_its_colons() {
        let text = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*";
        let arn: Arn = text.parse().unwrap();
        assert_eq!(arn.resource, "log-group:/aws/lambda/f:*");
        assert_eq!(arn.to_string(), text);
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in ["", "arn", "arn:aws:s3:::", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws:sqs:us-east-1:1"] {
            assert_eq!(text.parse::<Arn>(), Err(NotAnArn), "{text}");
        }
    }
}

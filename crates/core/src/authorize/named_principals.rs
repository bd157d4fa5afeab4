//! Whether policies name users and roles that exist.

use cloudtwin_policy::Policy;
use cloudtwin_smithy::AwsError;

use super::Enforcement;
use crate::Ctx;

impl Ctx {
    /// The first user or role that a resource's policy names as a principal, and that does not exist;
    /// `None` if all do, and unless IAM is enforced: stacks that were never meant for it name users and
    /// roles of their real accounts.
    ///
    /// # Errors
    /// What the store reports.
    pub fn missing_principal(&self, document: &str) -> Result<Option<String>, AwsError> {
        let cloud = self.cloud();
        let identities = cloud.identities().filter(|_| cloud.enforcement() == Enforcement::Enforced);
        // One that cannot be read is refused for that.
        let (Some(identities), Ok(policy)) = (identities, Policy::parse(document)) else { return Ok(None) };
        for arn in policy.principal_arns() {
            if identities.is_missing(cloud, self.account(), arn)? {
                return Ok(Some(arn.to_owned()));
            }
        }
        Ok(None)
    }
}

//! Rules of AWS that no policy changes.

use crate::arn;
use crate::evaluate::Outcome;

/// The changes of managed policies, which AWS's own do not take.
const POLICY_CHANGES: [&str; 6] = [
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
];

/// What is decided whatever the policies say; nothing if they decide.
///
/// `sts:GetCallerIdentity` is always allowed. Policies of AWS, roles under `aws-reserved/` and the
/// aliases of AWS's own KMS keys cannot be changed by anybody.
#[must_use]
pub fn hard_rule(action: &str, resource: &str) -> Option<Outcome> {
    if action.eq_ignore_ascii_case("sts:GetCallerIdentity") {
        return Some(Outcome::Allow);
    }
    let [_, _, service, _, account, name] = arn::segments(resource)?;
    let (prefix, operation) = action.split_once(':')?;
    if !prefix.eq_ignore_ascii_case(service) {
        return None;
    }
    let reads = ["Get", "List", "Describe", "Simulate", "Generate", "Pass"];
    let changes = !reads
        .iter()
        .any(|read| operation.get(..read.len()).is_some_and(|start| start.eq_ignore_ascii_case(read)));
    let forbidden = match service {
        "iam" if account == "aws" => POLICY_CHANGES.iter().any(|change| change.eq_ignore_ascii_case(action)),
        "iam" => changes && name.starts_with("role/aws-reserved/"),
        "kms" => {
            name.starts_with("alias/aws/")
                && ["CreateAlias", "UpdateAlias", "DeleteAlias"]
                    .iter()
                    .any(|change| change.eq_ignore_ascii_case(operation))
        }
        _ => false,
    };
    forbidden.then_some(Outcome::ExplicitDeny)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_policy_changes() {
        assert_eq!(hard_rule("sts:GetCallerIdentity", "*"), Some(Outcome::Allow));
        let managed = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert_eq!(hard_rule("iam:DeletePolicy", managed), Some(Outcome::ExplicitDeny));
        assert_eq!(hard_rule("iam:GetPolicy", managed), None);
        let reserved = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/x";
        assert_eq!(hard_rule("iam:DeleteRole", reserved), Some(Outcome::ExplicitDeny));
        assert_eq!(hard_rule("iam:GetRole", reserved), None);
        let alias = "arn:aws:kms:us-east-1:111122223333:alias/aws/s3";
        assert_eq!(hard_rule("kms:DeleteAlias", alias), Some(Outcome::ExplicitDeny));
        assert_eq!(hard_rule("s3:GetObject", "arn:aws:s3:::b/k"), None);
    }
}

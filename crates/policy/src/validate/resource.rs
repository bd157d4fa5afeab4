//! Policies of resources other than buckets, and resource control policies.

use super::identity::{check_sids, check_types, check_values, statements};
use super::{ResourceService, principals, read, texts};
use crate::json::Node;
use crate::parse::PolicyError;

/// What is wrong, before the service puts it into words.
enum Mistake {
    Form,
    Principal,
    Action,
}

pub(super) fn check(document: &str, service: ResourceService<'_>) -> Result<(), PolicyError> {
    find_mistake(document, service).map_err(|mistake| {
        PolicyError::malformed(match (service, mistake) {
            (ResourceService::Sqs, _) => "Invalid value for the parameter Policy.",
            (ResourceService::Sns, Mistake::Action) => {
                "Invalid parameter: Policy statement action out of service scope!"
            }
            (ResourceService::Sns, _) => "Invalid parameter: Policy Error: null",
            (ResourceService::Kms, Mistake::Principal) => {
                "Policy contains a statement with one or more invalid principals."
            }
            // KMS says nothing more.
            (ResourceService::Kms, _) => "",
            (ResourceService::SecretsManager, Mistake::Principal) => {
                "This resource policy contains an unsupported principal."
            }
            (ResourceService::SecretsManager, _) => "This policy has invalid syntax.",
            (ResourceService::Ecr, _) => {
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy \
                 provided'"
            }
            (ResourceService::S3 { .. } | ResourceService::Other, _) => "Syntax errors in policy.",
        })
    })
}

fn find_mistake(document: &str, service: ResourceService<'_>) -> Result<(), Mistake> {
    let form = |_| Mistake::Form;
    let policy = read(document).ok_or(Mistake::Form)?;
    let statements = statements(&policy).map_err(form)?;
    // Queues, topics and keys take any text as the name of a statement.
    check_sids(statements, |_| true).map_err(form)?;
    let vendor = match service {
        ResourceService::Sqs => Some("sqs"),
        ResourceService::Sns => Some("sns"),
        ResourceService::Kms => Some("kms"),
        ResourceService::SecretsManager => Some("secretsmanager"),
        ResourceService::Ecr => Some("ecr"),
        ResourceService::S3 { .. } | ResourceService::Other => None,
    };
    for statement in statements {
        check_types(statement).map_err(form)?;
        check_values(statement).map_err(form)?;
        if !matches!(statement.get("Effect").and_then(Node::as_text), Some("Allow" | "Deny")) {
            return Err(Mistake::Form);
        }
        let actions = texts(statement, "Action", "NotAction");
        let resources = texts(statement, "Resource", "NotResource");
        // Only a repository is not named in its own policy.
        if actions.is_empty() || (resources.is_empty() && !matches!(service, ResourceService::Ecr)) {
            return Err(Mistake::Form);
        }
        let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
        if principals::first_invalid(principal.ok_or(Mistake::Form)?).is_some() {
            return Err(Mistake::Principal);
        }
        if let Some(vendor) = vendor
            && !actions.iter().all(|action| is_of(action, vendor))
        {
            return Err(Mistake::Action);
        }
    }
    Ok(())
}

/// Whether an action is one of the service's.
pub(super) fn is_of(action: &str, vendor: &str) -> bool {
    action == "*"
        || action.split_once(':').is_some_and(|(of, name)| {
            of.eq_ignore_ascii_case(vendor) && !name.is_empty() && !name.contains(':')
        })
}

/// Resource control policies deny everybody some actions of named services.
pub(super) fn check_resource_control(document: &str) -> Result<(), PolicyError> {
    let wrong = || PolicyError::malformed("not a resource control policy");
    let policy = read(document).ok_or_else(wrong)?;
    if policy.get("Version").and_then(Node::as_text) != Some("2012-10-17") {
        return Err(wrong());
    }
    let statements = statements(&policy)?;
    check_sids(statements, |sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    for statement in statements {
        check_types(statement)?;
        check_values(statement)?;
        let everybody = match statement.get("Principal") {
            Some(Node::Text(name)) => name == "*",
            Some(kinds) => kinds.members().len() == 1 && texts(kinds, "AWS", "*") == ["*"],
            None => false,
        };
        let actions = statement.get("Action").and_then(Node::texts).unwrap_or_default();
        let named = !actions.is_empty() && actions.iter().all(|action| action.contains(':'));
        let resources = !texts(statement, "Resource", "NotResource").is_empty();
        let denies = statement.get("Effect").and_then(Node::as_text) == Some("Deny");
        if !(everybody && named && resources && denies) {
            return Err(wrong());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyKind, validate};

    fn refusal(service: ResourceService<'_>, statement: &str) -> Option<String> {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        validate(PolicyKind::Resource(service), &document).err().map(|error| error.to_string())
    }

    #[test]
    fn each_service_has_its_own_words() {
        let statement = |action: &str, principal: &str| {
            format!(
                r#"{{"Sid":"a b","Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"*"}}"#
            )
        };
        let (everybody, nobody) = (r#"{"AWS":"*"}"#, r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#);
        assert_eq!(refusal(ResourceService::Sqs, &statement("SQS:SendMessage", everybody)), None);
        assert_eq!(
            refusal(ResourceService::Sqs, &statement("s3:GetObject", everybody)).unwrap(),
            "Invalid value for the parameter Policy."
        );
        assert_eq!(
            refusal(ResourceService::Sns, &statement("sqs:SendMessage", everybody)).unwrap(),
            "Invalid parameter: Policy statement action out of service scope!"
        );
        assert_eq!(refusal(ResourceService::Sns, "{}").unwrap(), "Invalid parameter: Policy Error: null");
        assert_eq!(refusal(ResourceService::Kms, &statement("kms:*", everybody)), None);
        assert_eq!(
            refusal(ResourceService::Kms, &statement("kms:*", nobody)).unwrap(),
            "Policy contains a statement with one or more invalid principals."
        );
    }

    #[test]
    fn organizations_have_one_message() {
        let check = |kind, statement: &str| {
            validate(kind, &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)).is_ok()
        };
        let deny = r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
        let everybody = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#;
        assert!(check(PolicyKind::ServiceControl, deny));
        assert!(!check(PolicyKind::ServiceControl, everybody));
        assert!(check(PolicyKind::ResourceControl, everybody));
        assert!(!check(PolicyKind::ResourceControl, deny));
        let allow = everybody.replace("Deny", "Allow");
        assert!(!check(PolicyKind::ResourceControl, &allow));
    }
}

//! The policies that say who may assume a role.

use super::identity::{check_sids, check_types, check_values};
use super::{has_known_version, legacy, principals, read, syntax, texts};
use crate::json::Node;
use crate::parse::PolicyError;

pub(super) fn check(document: &str) -> Result<(), PolicyError> {
    let malformed = |message: &str| Err(PolicyError::malformed(message));
    let Some(policy) = read(document).filter(|policy| matches!(policy, Node::Object(_))) else {
        return malformed("This policy contains invalid Json");
    };
    if !has_known_version(&policy) {
        return Err(legacy());
    }
    let known = ["Version", "Id", "Statement"];
    if policy.members().iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(syntax());
    }
    let Some(statements) = policy.get("Statement").map(Node::elements) else {
        return malformed("Missing required field Statement");
    };
    if statements.is_empty() || statements.iter().any(|statement| !matches!(statement, Node::Object(_))) {
        return Err(syntax());
    }
    for statement in statements {
        check_types(statement)?;
        if !matches!(statement.get("Effect").and_then(Node::as_text), Some("Allow" | "Deny")) {
            return Err(legacy());
        }
        check_values(statement)?;
        if statement.get("Resource").is_some() || statement.get("NotResource").is_some() {
            return malformed("Has prohibited field Resource.");
        }
        let Some(principal) = statement.get("Principal").or_else(|| statement.get("NotPrincipal")) else {
            return malformed("Missing required field Principal");
        };
        let actions = texts(statement, "Action", "NotAction");
        if actions.is_empty() {
            return malformed("Missing required field Action");
        }
        if !actions.iter().all(|action| action.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("sts:"))) {
            return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
        }
        if let Some((kind, name)) = principals::first_invalid(principal) {
            let kind = kind.to_ascii_uppercase();
            return malformed(&format!("Invalid principal in policy: \"{kind}\":\"{name}\""));
        }
    }
    check_sids(statements, |sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use crate::{PolicyKind, validate};

    #[test]
    fn trust_policies_have_principals_and_no_resources() {
        let trust = |statement: &str| {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            validate(PolicyKind::Trust, &document)
                .map_or_else(|error| error.to_string(), |()| "ok".to_owned())
        };
        let by = |principal: &str| {
            trust(&format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}"#))
        };
        for principal in [
            r#"{"Service":"ec2.amazonaws.com"}"#,
            r#"{"AWS":["111122223333","arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:role/a/b"]}"#,
            r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example.com"}"#,
            r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
            r#""*""#,
        ] {
            assert_eq!(by(principal), "ok", "{principal}");
        }
        for (principal, shown) in [
            (r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#, r#""AWS":"arn:aws:iam::111122223333:user/*""#),
            (r#"{"AWS":"nobody"}"#, r#""AWS":"nobody""#),
            (r#"{"Service":"ecs-tasks.amazonaws"}"#, r#""SERVICE":"ecs-tasks.amazonaws""#),
            (r#"{"AWS":"arn:aws:iam::1:role/x"}"#, r#""AWS":"arn:aws:iam::1:role/x""#),
        ] {
            assert_eq!(by(principal), format!("Invalid principal in policy: {shown}"));
        }
        assert_eq!(trust("{},"), "This policy contains invalid Json");
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#),
            "Has prohibited field Resource."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"s3:*"}"#),
            "AssumeRole policy may only specify STS AssumeRole actions."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#),
            "Missing required field Principal"
        );
        let error = validate(PolicyKind::Trust, r#"{"Version":"2012-10-17"}"#).unwrap_err();
        assert_eq!(error.message(), "Missing required field Statement");
    }
}

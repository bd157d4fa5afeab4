//! Whether names of principals can be any.

use crate::json::Node;

/// The first name that cannot be a principal, with its kind; nothing if all can be.
pub(super) fn first_invalid(principals: &Node) -> Option<(&str, &str)> {
    match principals {
        Node::Text(name) => (name != "*").then_some(("AWS", name)),
        Node::Object(kinds) => kinds.iter().find_map(|(kind, names)| {
            let names = names.texts().unwrap_or_else(|| vec![""]);
            let invalid = names.into_iter().find(|name| !is_principal(kind, name));
            invalid.map(|name| (kind.as_str(), name))
        }),
        _ => Some(("AWS", "")),
    }
}

fn is_principal(kind: &str, name: &str) -> bool {
    match kind {
        "*" => name == "*",
        "AWS" => name == "*" || is_account(name) || is_unique_id(name) || is_arn(name),
        "Service" => {
            name.contains(".amazonaws.com")
                || name.ends_with(".amazon.com")
                || name.ends_with(".aws.internal")
        }
        "Federated" => {
            let provider = |resource: &str| {
                resource.starts_with("saml-provider/") || resource.starts_with("oidc-provider/")
            };
            match crate::arn::segments(name) {
                Some(["arn", _, "iam", "", account, resource]) => is_account(account) && provider(resource),
                Some(_) => false,
                None => name.contains('.') && !name.contains(['*', '?', ':']),
            }
        }
        "CanonicalUser" => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        _ => false,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands in stored policies for principals that are gone.
fn is_unique_id(text: &str) -> bool {
    let prefixes = ["AIDA", "AROA", "AGPA", "ANPA"];
    text.len() >= 16
        && prefixes.iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_arn(text: &str) -> bool {
    let Some(["arn", _, service, "", account, resource]) = crate::arn::segments(text) else { return false };
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    // The origin access identities of CloudFront are users of an account that is none.
    let owner = is_account(account) || (service == "iam" && matches!(account, "cloudfront" | "aws"));
    owner
        && !text.contains(['*', '?'])
        && match (service, kind) {
            ("iam", "root") => name.is_empty() && resource == "root",
            ("iam", "user" | "role") | ("sts", "federated-user") => !name.is_empty(),
            ("sts", "assumed-role") => name.split_once('/').is_some_and(|(_, session)| !session.is_empty()),
            _ => false,
        }
}

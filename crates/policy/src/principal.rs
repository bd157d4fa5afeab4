//! Who calls, and whom the `Principal` of a statement means.

use std::fmt;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account.
    Root {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`
        arn: String,
        /// Twelve digits.
        account: String,
        /// `AIDA…`, which policies name instead of the ARN once the user is deleted.
        unique_id: Option<String>,
    },
    /// A session of a role.
    AssumedRole {
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
        session_arn: String,
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        role_arn: String,
        /// Twelve digits.
        account: String,
        /// `AROA…` of the role.
        unique_id: Option<String>,
    },
    /// Some session of a role, whose name is not known.
    Role {
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        arn: String,
        /// Twelve digits.
        account: String,
        /// `AROA…`
        unique_id: Option<String>,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
        arn: String,
        /// The ARN of the user who called `GetFederationToken`.
        user_arn: String,
        /// Twelve digits.
        account: String,
    },
    /// An AWS service, such as `sns.amazonaws.com`.
    Service {
        /// The name.
        name: String,
    },
    /// A user of a web identity provider who assumes a role.
    WebIdentity {
        /// The ARN of the OIDC provider, or a name such as `accounts.google.com`.
        provider: String,
    },
    /// A user of a SAML provider who assumes a role.
    Saml {
        /// The ARN of the SAML provider.
        provider_arn: String,
    },
    /// Nobody known: a request without a signature.
    Anonymous,
}

impl Principal {
    /// Reads an ARN of IAM or STS, a service's name or `*`; nothing if it is none of these.
    ///
    /// Paths of roles are not in the ARNs of their sessions: whoever knows the role sets `role_arn`.
    /// Likewise a federated user is taken for the session of the user of the same name.
    #[must_use]
    pub fn from_arn(text: &str) -> Option<Self> {
        if text == "*" || text == "anonymous" {
            return Some(Self::Anonymous);
        }
        if !text.contains(':') && text.ends_with(".amazonaws.com") {
            return Some(Self::Service { name: text.to_owned() });
        }
        let [_, partition, service, _, account, resource] = crate::arn::segments(text)?;
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let (arn, owner) = (text.to_owned(), account.to_owned());
        Some(match (service, kind) {
            ("iam", "root") => Self::Root { account: owner },
            ("iam", "user") => Self::User { arn, account: owner, unique_id: None },
            ("iam", "role") => Self::Role { arn, account: owner, unique_id: None },
            ("sts", "assumed-role") => {
                let role = name.split('/').next().unwrap_or_default();
                let role_arn = format!("arn:{partition}:iam::{account}:role/{role}");
                Self::AssumedRole { session_arn: arn, role_arn, account: owner, unique_id: None }
            }
            ("sts", "federated-user") => {
                let user_arn = format!("arn:{partition}:iam::{account}:user/{name}");
                Self::FederatedUser { arn, user_arn, account: owner }
            }
            _ => return None,
        })
    }

    /// The account that the principal belongs to; nothing for services, providers and strangers.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::Role { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Service { .. } | Self::WebIdentity { .. } | Self::Saml { .. } | Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Principal {
    /// The name as error messages have it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root { account } => write!(formatter, "arn:aws:iam::{account}:root"),
            Self::User { arn: name, .. }
            | Self::AssumedRole { session_arn: name, .. }
            | Self::Role { arn: name, .. }
            | Self::FederatedUser { arn: name, .. }
            | Self::Service { name }
            | Self::WebIdentity { provider: name }
            | Self::Saml { provider_arn: name } => formatter.write_str(name),
            Self::Anonymous => formatter.write_str("anonymous"),
        }
    }
}

/// How a statement names a principal, from the least to the most direct.
///
/// What a grant is worth depends on it: see [`evaluate`](crate::evaluate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchKind {
    /// By its account, which may then let its principals do it.
    Account,
    /// A federated session by the user who made it.
    FederatedUser,
    /// A session by its role.
    Role,
    /// A user of an identity provider by the provider.
    Federated,
    /// A service by its name.
    Service,
    /// By its own ARN.
    Direct,
    /// As everybody.
    Everyone,
}

/// The `Principal` or `NotPrincipal` of a statement.
#[derive(Debug, Clone)]
pub(crate) struct PrincipalElement {
    pub(crate) negated: bool,
    pub(crate) names: Box<[Named]>,
}

#[derive(Debug, Clone)]
pub(crate) enum Named {
    Everyone,
    Account(Box<str>),
    Arn(Box<str>),
    UniqueId(Box<str>),
    Service(Box<str>),
    Federated(Box<str>),
    /// A canonical user or something unknown, which is nobody here.
    Nobody,
}

impl Named {
    /// Reads one name of a kind of principals.
    pub(crate) fn new(kind: &str, name: &str) -> Self {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match kind {
            "*" | "AWS" if name == "*" => Self::Everyone,
            "AWS" if is_account(name) => Self::Account(name.into()),
            "AWS" => match crate::arn::segments(name) {
                Some([_, _, "iam", "", account, "root"]) => Self::Account(account.into()),
                Some(_) => Self::Arn(name.into()),
                None => Self::UniqueId(name.into()),
            },
            "Service" => Self::Service(name.into()),
            "Federated" => Self::Federated(name.into()),
            _ => Self::Nobody,
        }
    }

    fn kind(&self, principal: &Principal) -> Option<MatchKind> {
        let direct = |equal: bool| equal.then_some(MatchKind::Direct);
        match (self, principal) {
            (Self::Everyone, _) => Some(MatchKind::Everyone),
            (Self::Account(account), principal) => {
                (principal.account() == Some(account)).then_some(MatchKind::Account)
            }
            (Self::Arn(name), Principal::User { arn, .. }) => direct(**name == **arn),
            (Self::Arn(name), Principal::AssumedRole { session_arn, role_arn, .. }) => {
                if **name == **session_arn {
                    Some(MatchKind::Direct)
                } else {
                    (**name == **role_arn).then_some(MatchKind::Role)
                }
            }
            (Self::Arn(name), Principal::Role { arn, .. }) => (**name == **arn).then_some(MatchKind::Role),
            (Self::Arn(name), Principal::FederatedUser { arn, user_arn, .. }) => {
                if **name == **arn {
                    Some(MatchKind::Direct)
                } else {
                    (**name == **user_arn).then_some(MatchKind::FederatedUser)
                }
            }
            (Self::UniqueId(id), Principal::User { unique_id, .. }) => {
                direct(unique_id.as_deref() == Some(id))
            }
            (
                Self::UniqueId(id),
                Principal::AssumedRole { unique_id, .. } | Principal::Role { unique_id, .. },
            ) => (unique_id.as_deref() == Some(id)).then_some(MatchKind::Role),
            (Self::Service(service), Principal::Service { name }) => {
                (**service == **name).then_some(MatchKind::Service)
            }
            (
                Self::Federated(federated),
                Principal::WebIdentity { provider } | Principal::Saml { provider_arn: provider },
            ) => (**federated == **provider).then_some(MatchKind::Federated),
            _ => None,
        }
    }
}

impl PrincipalElement {
    /// Whether, and as what, the statement is about a principal.
    ///
    /// `NotPrincipal` leaves out only who is listed in full: an account in the list is its root user
    /// and nobody else, and a session is left out only if its role is in the list as well. In a
    /// Deny statement it never leaves out a principal with a permissions boundary.
    pub(crate) fn kind(&self, principal: &Principal, denies: bool, bounded: bool) -> Option<MatchKind> {
        let best = || self.names.iter().filter_map(|name| name.kind(principal)).max();
        if !self.negated {
            return best();
        }
        let left_out = if denies { !bounded && self.lists_in_full(principal) } else { best().is_some() };
        (!left_out).then_some(MatchKind::Everyone)
    }

    fn lists_in_full(&self, principal: &Principal) -> bool {
        let lists = |kind: MatchKind| self.names.iter().any(|name| name.kind(principal) == Some(kind));
        if lists(MatchKind::Everyone) {
            return true;
        }
        match principal {
            Principal::Root { .. } => lists(MatchKind::Account),
            Principal::User { .. } | Principal::FederatedUser { .. } => lists(MatchKind::Direct),
            Principal::AssumedRole { .. } => lists(MatchKind::Direct) && lists(MatchKind::Role),
            Principal::Role { .. } => lists(MatchKind::Role),
            Principal::Service { .. } => lists(MatchKind::Service),
            Principal::WebIdentity { .. } | Principal::Saml { .. } => lists(MatchKind::Federated),
            Principal::Anonymous => false,
        }
    }
}

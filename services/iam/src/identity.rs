//! Which policies a user, group or role has.

use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;

use crate::aws_managed_policies;
use crate::groups::groups_of;
use crate::state::{Entity, Group, Permissions, Policy, Principal, Role, User};

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A managed policy, by its ARN.
    Managed(String),
    /// A policy within a user, group or role.
    Inline {
        /// `user`, `group` or `role`.
        noun: &'static str,
        /// Name of the user, group or role.
        owner: String,
        /// The policy's name.
        name: String,
    },
}

/// A policy that somebody has.
#[derive(Clone, Debug)]
pub(crate) struct HeldPolicy {
    pub(crate) origin: Origin,
    pub(crate) document: String,
}

/// The document of a managed policy's default version; `None` if there is no such policy.
pub(crate) fn managed_document(tx: &ReadTx<'_>, arn: &str) -> Result<Option<String>, AwsError> {
    if let Some(policy) = aws_managed_policies::find(arn) {
        return Ok(Some(policy.document.to_owned()));
    }
    let Some(policy) = Policy::find(tx, arn)? else { return Ok(None) };
    let default = policy.versions.into_iter().find(|version| version.number == policy.default_version);
    Ok(default.map(|version| version.document))
}

fn held<P: Principal>(tx: &ReadTx<'_>, principal: &P, found: &mut Vec<HeldPolicy>) -> Result<(), AwsError> {
    let permissions: &Permissions = principal.permissions();
    for (name, document) in &permissions.inline {
        let origin = Origin::Inline { noun: P::NOUN, owner: principal.name().to_owned(), name: name.clone() };
        found.push(HeldPolicy { origin, document: document.clone() });
    }
    for arn in &permissions.attached {
        if let Some(document) = managed_document(tx, arn)? {
            found.push(HeldPolicy { origin: Origin::Managed(arn.clone()), document });
        }
    }
    Ok(())
}

/// The policies of a user, and of the groups that it is in.
pub(crate) fn of_user(tx: &ReadTx<'_>, user: &User) -> Result<Vec<HeldPolicy>, AwsError> {
    let mut found = Vec::new();
    held(tx, user, &mut found)?;
    for group in groups_of(tx, user)? {
        held(tx, &group, &mut found)?;
    }
    Ok(found)
}

/// The policies of a group.
pub(crate) fn of_group(tx: &ReadTx<'_>, group: &Group) -> Result<Vec<HeldPolicy>, AwsError> {
    let mut found = Vec::new();
    held(tx, group, &mut found)?;
    Ok(found)
}

/// The policies of a role.
pub(crate) fn of_role(tx: &ReadTx<'_>, role: &Role) -> Result<Vec<HeldPolicy>, AwsError> {
    let mut found = Vec::new();
    held(tx, role, &mut found)?;
    Ok(found)
}

/// The permissions boundary of a user or role: `None` without one, and no policy where it is gone.
pub(crate) fn boundary(
    tx: &ReadTx<'_>,
    permissions: &Permissions,
) -> Result<Option<Vec<HeldPolicy>>, AwsError> {
    let Some(arn) = &permissions.boundary else { return Ok(None) };
    let document = managed_document(tx, arn)?;
    let policy = document.map(|document| HeldPolicy { origin: Origin::Managed(arn.clone()), document });
    Ok(Some(policy.into_iter().collect()))
}

/// What an ARN within an account names.
pub(crate) enum Named {
    User(Box<User>),
    Group(Box<Group>),
    Role(Box<Role>),
    /// A managed policy with its document.
    Policy {
        arn: String,
        document: String,
    },
}

impl Named {
    /// The user, group, role or policy of the transaction's account with this ARN.
    pub(crate) fn find(tx: &ReadTx<'_>, arn: &str) -> Result<Self, AwsError> {
        let invalid = || crate::errors::invalid_input(format!("ARN {arn} is not valid."));
        let rest = arn.strip_prefix("arn:aws:iam::").ok_or_else(invalid)?;
        let (account, resource) = rest.split_once(':').ok_or_else(invalid)?;
        let (kind, path) = resource.split_once('/').ok_or_else(invalid)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        let own = account == tx.account();
        let missing = |what: &str| crate::errors::no_such_entity(format!("{what} {arn} does not exist."));
        match kind {
            "user" => User::find(tx, name)?
                .filter(|user| own && user.arn(account) == arn)
                .map(|user| Self::User(Box::new(user)))
                .ok_or_else(|| missing("User")),
            "group" => Group::find(tx, name)?
                .filter(|group| own && group.arn(account) == arn)
                .map(|group| Self::Group(Box::new(group)))
                .ok_or_else(|| missing("Group")),
            "role" => Role::find(tx, name)?
                .filter(|role| own && role.arn(account) == arn)
                .map(|role| Self::Role(Box::new(role)))
                .ok_or_else(|| missing("Role")),
            "policy" => managed_document(tx, arn)?
                .map(|document| Self::Policy { arn: arn.to_owned(), document })
                .ok_or_else(|| missing("Policy")),
            _ => Err(invalid()),
        }
    }

    /// The policies that it has, or is.
    pub(crate) fn policies(&self, tx: &ReadTx<'_>) -> Result<Vec<HeldPolicy>, AwsError> {
        match self {
            Self::User(user) => of_user(tx, user),
            Self::Group(group) => of_group(tx, group),
            Self::Role(role) => of_role(tx, role),
            Self::Policy { arn, document } => {
                Ok(vec![HeldPolicy { origin: Origin::Managed(arn.clone()), document: document.clone() }])
            }
        }
    }
}

//! The rows of Organizations.
//!
//! An organization's rows are in nobody's account: all tables are global. Ids of roots, units and handshakes are
//! unique in the whole cloud; policies have their organization in the key, because AWS's own policies have the same
//! ids everywhere. Where an account stands is said by its own row, so that it is in one organization at most.

use std::collections::BTreeMap;

use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{IndexKeys, ReadTx, StoreError, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::policy_types;

/// Tags, in the order in which they were added.
pub(crate) type Tags = Vec<(String, String)>;

/// How deep units can be nested under the root.
pub(crate) const MAX_DEPTH: usize = 5;

/// An organization with its only root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Organization {
    pub(crate) id: String,
    /// The management account.
    pub(crate) management: String,
    pub(crate) root: String,
    /// Whether it has all features, not only consolidated billing.
    pub(crate) all_features: bool,
    /// The policy types that are enabled in the root.
    pub(crate) enabled_policy_types: Vec<String>,
    pub(crate) root_tags: Tags,
    /// The services that may act in the organization, and since when.
    pub(crate) service_access: BTreeMap<String, Timestamp>,
    pub(crate) resource_policy: Option<ResourcePolicy>,
}

/// What the organization's resource policy delegates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) tags: Tags,
}

/// An account that some organization knows or has known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) closed: bool,
    pub(crate) membership: Option<Membership>,
}

/// That an account is in an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) organization: String,
    /// The root or unit that it is in.
    pub(crate) parent: String,
    /// Whether the organization made it; otherwise it was invited.
    pub(crate) created: bool,
    pub(crate) joined: Timestamp,
    pub(crate) tags: Tags,
    /// The services that it administers for the organization, and since when.
    pub(crate) delegations: BTreeMap<String, Timestamp>,
}

/// An organizational unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unit {
    pub(crate) id: String,
    pub(crate) organization: String,
    pub(crate) name: String,
    /// The root or unit that it is in.
    pub(crate) parent: String,
    pub(crate) tags: Tags,
}

/// A policy of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) policy_type: String,
    pub(crate) content: String,
    pub(crate) tags: Tags,
    /// When its content was written.
    pub(crate) updated: Timestamp,
}

/// That a policy is attached to a root, unit or account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) organization: String,
    pub(crate) target: String,
    pub(crate) policy: String,
    pub(crate) policy_type: String,
}

/// A request to create an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Creation {
    pub(crate) id: String,
    pub(crate) account_name: String,
    /// The account, if it was created.
    pub(crate) account: Option<String>,
    /// Why it was not.
    pub(crate) failure: Option<String>,
    pub(crate) requested: Timestamp,
    pub(crate) completed: Timestamp,
}

/// A handshake: something that two accounts have to agree on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Handshake {
    pub(crate) id: String,
    pub(crate) organization: String,
    /// The management account when it was sent, whose id is in the ARN.
    pub(crate) management: String,
    pub(crate) action: Action,
    pub(crate) state: HandshakeState,
    pub(crate) requested: Timestamp,
    pub(crate) expires: Timestamp,
    /// When it came to its end.
    pub(crate) ended: Option<Timestamp>,
    /// The account that is asked; `None` while nobody has the address that an invitation went to.
    pub(crate) recipient: Option<String>,
    /// The address that an invitation went to, if it was no account id.
    pub(crate) email: Option<String>,
    pub(crate) notes: Option<String>,
    /// The handshake that this is a part of.
    pub(crate) parent: Option<String>,
    /// Tags for the account that joins.
    pub(crate) tags: Tags,
}

/// What a handshake is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    Invite,
    EnableAllFeatures,
}

/// How far a handshake is. That it has expired is told by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HandshakeState {
    Requested,
    Open,
    Canceled,
    Accepted,
    Declined,
    Expired,
}

pub(crate) const ORGANIZATIONS: Table<Organization> = Table::global("organizations/organizations");

pub(crate) const ACCOUNTS: Table<Account> = Table::global("organizations/accounts")
    .index("by_organization", |account: &Account| {
        let key = account.membership.as_ref().map(|member| (&member.organization, member.joined.as_millis()));
        IndexKeys::maybe(key)
    })
    .index("by_parent", |account: &Account| {
        IndexKeys::maybe(account.membership.as_ref().map(|member| &member.parent))
    })
    .index("by_email", |account: &Account| IndexKeys::one(account.email.to_ascii_lowercase()));

pub(crate) const UNITS: Table<Unit> = Table::global("organizations/units")
    .index("by_parent", |unit: &Unit| IndexKeys::one(&unit.parent))
    .index("by_organization", |unit: &Unit| IndexKeys::one(&unit.organization));

/// By organization and id.
pub(crate) const POLICIES: Table<Policy, (String, String)> = Table::global("organizations/policies");

/// By target and policy.
pub(crate) const ATTACHMENTS: Table<Attachment, (String, String)> =
    Table::global("organizations/attachments").index("by_policy", |attachment: &Attachment| {
        IndexKeys::one((&attachment.organization, &attachment.policy))
    });

/// By organization and id.
pub(crate) const CREATIONS: Table<Creation, (String, String)> = Table::global("organizations/creations");

pub(crate) const HANDSHAKES: Table<Handshake> = Table::global("organizations/handshakes")
    .index("by_organization", |handshake: &Handshake| IndexKeys::one(&handshake.organization))
    .index("by_recipient", |handshake: &Handshake| IndexKeys::maybe(handshake.recipient.as_ref()))
    .index("by_email", |handshake: &Handshake| IndexKeys::maybe(handshake.email.as_ref()));

impl Organization {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:organizations::{}:organization/{}", self.management, self.id)
    }

    /// ARN of something in the organization: `account`, `root` or `ou`.
    fn arn_of(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:organizations::{}:{kind}/{}/{id}", self.management, self.id)
    }

    pub(crate) fn account_arn(&self, account: &str) -> String {
        self.arn_of("account", account)
    }

    pub(crate) fn root_arn(&self) -> String {
        self.arn_of("root", &self.root)
    }

    pub(crate) fn unit_arn(&self, unit: &str) -> String {
        self.arn_of("ou", unit)
    }

    pub(crate) fn policy_arn(&self, policy: &Policy) -> String {
        let (kind, id) = (policy.policy_type.to_ascii_lowercase(), &policy.id);
        if policy_types::aws_managed(id).is_some() {
            return format!("arn:aws:organizations::aws:policy/{kind}/{id}");
        }
        format!("arn:aws:organizations::{}:policy/{}/{kind}/{id}", self.management, self.id)
    }

    pub(crate) fn resource_policy_arn(&self, id: &str) -> String {
        self.arn_of("resourcepolicy", id)
    }

    /// Whether a policy type is enabled in the root.
    pub(crate) fn enables(&self, policy_type: &str) -> bool {
        self.enabled_policy_types.iter().any(|enabled| enabled == policy_type)
    }

    pub(crate) fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&ORGANIZATIONS, &self.id, self)?)
    }

    /// The accounts in it, in the order in which they joined.
    pub(crate) fn accounts(&self, tx: &ReadTx<'_>) -> Result<Vec<Account>, StoreError> {
        tx.index_scan(&ACCOUNTS, "by_organization", &self.id)?.values().collect()
    }

    /// An account, if it is in this organization.
    pub(crate) fn account(&self, tx: &ReadTx<'_>, id: &str) -> Result<Option<Account>, StoreError> {
        Ok(tx.get(&ACCOUNTS, id)?.filter(|account| account.is_in(&self.id)))
    }

    /// A unit of this organization.
    pub(crate) fn unit(&self, tx: &ReadTx<'_>, id: &str) -> Result<Option<Unit>, StoreError> {
        Ok(tx.get(&UNITS, id)?.filter(|unit| unit.organization == self.id))
    }

    /// Every unit.
    pub(crate) fn units(&self, tx: &ReadTx<'_>) -> Result<Vec<Unit>, StoreError> {
        tx.index_scan(&UNITS, "by_organization", &self.id)?.values().collect()
    }

    /// A policy of this organization, or one of AWS's.
    pub(crate) fn policy(&self, tx: &ReadTx<'_>, id: &str) -> Result<Option<Policy>, StoreError> {
        match policy_types::aws_managed(id) {
            Some(policy) => Ok(Some(policy.row())),
            None => tx.get(&POLICIES, (&self.id, id)),
        }
    }

    /// Whether there is such a root or unit.
    pub(crate) fn has_parent(&self, tx: &ReadTx<'_>, id: &str) -> Result<bool, StoreError> {
        Ok(id == self.root || self.unit(tx, id)?.is_some())
    }

    /// The units on the way from the root to `parent`, which is the last of them unless it is the root.
    pub(crate) fn units_to(&self, tx: &ReadTx<'_>, parent: &str) -> Result<Vec<Unit>, StoreError> {
        let mut units = Vec::new();
        let mut next = parent.to_owned();
        while next != self.root
            && units.len() <= MAX_DEPTH
            && let Some(unit) = self.unit(tx, &next)?
        {
            next.clone_from(&unit.parent);
            units.push(unit);
        }
        units.reverse();
        Ok(units)
    }

    /// `o-…/r-…/ou-…/` of a root or unit.
    pub(crate) fn path_to(&self, tx: &ReadTx<'_>, parent: &str) -> Result<String, StoreError> {
        let mut path = format!("{}/{}/", self.id, self.root);
        for unit in self.units_to(tx, parent)? {
            path.push_str(&unit.id);
            path.push('/');
        }
        Ok(path)
    }
}

impl Account {
    /// An account that no organization has made: every account number is one.
    pub(crate) fn standalone(id: &str) -> Self {
        let name = if id == "000000000000" { "master" } else { id };
        Self {
            id: id.to_owned(),
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            closed: false,
            membership: None,
        }
    }

    pub(crate) fn is_in(&self, organization: &str) -> bool {
        self.membership.as_ref().is_some_and(|member| member.organization == organization)
    }

    /// `ACTIVE` or `SUSPENDED`.
    pub(crate) fn status(&self) -> &'static str {
        if self.closed { "SUSPENDED" } else { "ACTIVE" }
    }

    /// `ACTIVE` or `CLOSED`.
    pub(crate) fn state(&self) -> &'static str {
        if self.closed { "CLOSED" } else { "ACTIVE" }
    }

    pub(crate) fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&ACCOUNTS, &self.id, self)?)
    }
}

impl Membership {
    pub(crate) fn method(&self) -> &'static str {
        if self.created { "CREATED" } else { "INVITED" }
    }
}

impl Policy {
    pub(crate) fn put(&self, tx: &mut Tx<'_>, organization: &Organization) -> Result<(), AwsError> {
        Ok(tx.put(&POLICIES, (&organization.id, &self.id), self)?)
    }
}

/// The account with this number; one that is on its own if nothing is known of it.
pub(crate) fn any_account(tx: &ReadTx<'_>, id: &str) -> Result<Account, StoreError> {
    Ok(tx.get(&ACCOUNTS, id)?.unwrap_or_else(|| Account::standalone(id)))
}

/// The organization that an account is in.
pub(crate) fn organization_of(tx: &ReadTx<'_>, account: &str) -> Result<Option<Organization>, StoreError> {
    let account: Option<Account> = tx.get(&ACCOUNTS, account)?;
    match account.and_then(|account| account.membership) {
        Some(member) => tx.get(&ORGANIZATIONS, &member.organization),
        None => Ok(None),
    }
}

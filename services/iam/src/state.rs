//! The rows of IAM. IAM is global, so every table has one set of rows for each account.
//!
//! Names are unique whatever their case: rows are found by the folded name ([`fold`]). What refers to another
//! row refers to something that never changes: a group's id, a policy's ARN, a role's name.

use std::collections::BTreeMap;

use cloudtwin_core::federation::{OidcProvider, SamlProvider};
use cloudtwin_core::mfa::MfaDevice;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{IndexKeys, ReadTx, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::passwords::PasswordHash;

/// Tags, in the order in which they were added.
pub(crate) type Tags = Vec<(String, String)>;

/// What a user, a role or a group is allowed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Permissions {
    /// Inline policies: documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies, in the order in which they were attached.
    pub(crate) attached: Vec<String>,
    /// ARN of the managed policy that bounds them; groups have none.
    pub(crate) boundary: Option<String>,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) permissions: Permissions,
    /// Ids of the groups that the user is in, in the order in which it was added to them.
    pub(crate) groups: Vec<String>,
    pub(crate) access_keys: Vec<AccessKey>,
    pub(crate) login_profile: Option<LoginProfile>,
    pub(crate) service_credentials: Vec<ServiceCredential>,
    #[serde(default)]
    pub(crate) ssh_public_keys: Vec<SshPublicKey>,
    #[serde(default)]
    pub(crate) signing_certificates: Vec<SigningCertificate>,
}

/// An access key of a user. Its secret is in the table of the credentials that the cloud issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) active: bool,
}

/// That a user may sign in with a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginProfile {
    pub(crate) created: Timestamp,
    pub(crate) reset_required: bool,
    /// The password and those before it, newest first.
    #[serde(default)]
    pub(crate) passwords: Vec<PasswordHash>,
    /// When the password was set.
    #[serde(default)]
    pub(crate) changed: Option<Timestamp>,
}

/// An SSH public key of a user, for CodeCommit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SshPublicKey {
    pub(crate) id: String,
    /// `ssh-rsa AAAA…`.
    pub(crate) body: String,
    /// MD5 of the key, in pairs of hexadecimal digits.
    pub(crate) fingerprint: String,
    pub(crate) active: bool,
    pub(crate) uploaded: Timestamp,
}

/// A certificate of a user with which SOAP requests were signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SigningCertificate {
    pub(crate) id: String,
    /// PEM, as it was uploaded.
    pub(crate) body: String,
    pub(crate) active: bool,
    pub(crate) uploaded: Timestamp,
}

/// A certificate for load balancers and distributions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerCertificate {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) uploaded: Timestamp,
    pub(crate) expires: Timestamp,
    /// PEM.
    pub(crate) body: String,
    /// PEM, the issuer first.
    pub(crate) chain: Option<String>,
    /// PEM. Never answered; for the services that use the certificate.
    pub(crate) private_key: String,
    pub(crate) tags: Tags,
}

/// A user name and password for one service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceCredential {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) created: Timestamp,
    pub(crate) active: bool,
}

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    /// As it was stored.
    pub(crate) trust_policy: String,
    /// The users and roles that it names by their ARNs, with the unique ids that these had then.
    #[serde(default)]
    pub(crate) trusted: Vec<(String, String)>,
    pub(crate) description: Option<String>,
    /// Seconds.
    pub(crate) max_session_duration: i32,
    pub(crate) tags: Tags,
    pub(crate) permissions: Permissions,
}

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) permissions: Permissions,
}

/// A managed policy of the account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
    /// Oldest first.
    pub(crate) versions: Vec<PolicyVersion>,
    pub(crate) default_version: u32,
    /// The highest number that a version has had; numbers are never used again.
    pub(crate) last_version: u32,
}

/// A version of a managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) number: u32,
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

/// An instance profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    /// Name of its role.
    pub(crate) role: Option<String>,
    pub(crate) tags: Tags,
}

/// The account's own settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) alias: Option<String>,
    pub(crate) password_policy: Option<PasswordPolicy>,
    /// Access keys of the root.
    pub(crate) access_keys: Vec<AccessKey>,
}

/// What passwords must be like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PasswordPolicy {
    pub(crate) minimum_length: i32,
    pub(crate) symbols: bool,
    pub(crate) numbers: bool,
    pub(crate) uppercase: bool,
    pub(crate) lowercase: bool,
    pub(crate) users_may_change: bool,
    /// Days.
    pub(crate) max_age: Option<i32>,
    pub(crate) reuse_prevention: Option<i32>,
    pub(crate) hard_expiry: Option<bool>,
}

pub(crate) const USERS: Table<User> = Table::account("iam/users")
    .index("by_policy", |user: &User| IndexKeys::each(&user.permissions.attached))
    .index("by_boundary", |user: &User| IndexKeys::maybe(user.permissions.boundary.as_ref()))
    .index("by_group", |user: &User| IndexKeys::each(&user.groups))
    .index("by_id", |user: &User| IndexKeys::one(&user.id));

pub(crate) const ROLES: Table<Role> = Table::account("iam/roles")
    .index("by_policy", |role: &Role| IndexKeys::each(&role.permissions.attached))
    .index("by_boundary", |role: &Role| IndexKeys::maybe(role.permissions.boundary.as_ref()));

pub(crate) const GROUPS: Table<Group> = Table::account("iam/groups")
    .index("by_policy", |group: &Group| IndexKeys::each(&group.permissions.attached))
    .index("by_id", |group: &Group| IndexKeys::one(&group.id));

pub(crate) const POLICIES: Table<Policy> = Table::account("iam/policies");

pub(crate) const INSTANCE_PROFILES: Table<InstanceProfile> = Table::account("iam/instance-profiles")
    .index("by_role", |profile: &InstanceProfile| IndexKeys::maybe(profile.role.as_deref().map(fold)));

pub(crate) const SERVER_CERTIFICATES: Table<ServerCertificate> = Table::account("iam/server-certificates");

/// The account's settings; the only row has the key [`ACCOUNT`].
pub(crate) const ACCOUNTS: Table<Account> = Table::account("iam/account");

/// The key of the only row of [`ACCOUNTS`].
pub(crate) const ACCOUNT: &str = "account";

/// Which service-linked roles were deleted: the role's name by the deletion's id.
pub(crate) const ROLE_DELETIONS: Table<String> = Table::account("iam/role-deletions");

/// The form of a name under which its row is found.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// What is found by a handle that callers give: a name, or an ARN for policies.
pub(crate) trait Entity: Sized + Clone + Send + 'static {
    /// The row with this handle.
    fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError>;
    /// Writes the row.
    fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError>;
    /// What is answered when there is none.
    fn missing(handle: &str) -> AwsError;

    /// The row with this handle, or AWS's error.
    fn get(tx: &ReadTx<'_>, handle: &str) -> Result<Self, AwsError> {
        Self::find(tx, handle)?.ok_or_else(|| Self::missing(handle))
    }
}

/// An entity with permissions.
pub(crate) trait Principal: Entity {
    /// `user`, `role` or `group`.
    const NOUN: &'static str;
    /// `User`, `Role` or `Group`.
    const TITLE: &'static str;
    /// How many characters all its inline policies may have, white space not counted.
    const INLINE_QUOTA: usize;

    fn name(&self) -> &str;
    fn permissions(&self) -> &Permissions;
    /// The permissions, to be changed by a caller.
    fn permissions_mut(&mut self) -> Result<&mut Permissions, AwsError>;
}

/// An entity with tags.
pub(crate) trait Tagged: Entity {
    fn tags(&self) -> &Tags;
    fn tags_mut(&mut self) -> Result<&mut Tags, AwsError>;
}

macro_rules! named {
    ($($kind:ty, $table:expr, $missing:expr;)*) => {$(
        impl Entity for $kind {
            fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError> {
                Ok(tx.get(&$table, fold(handle))?)
            }

            fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
                Ok(tx.put(&$table, fold(&self.name), self)?)
            }

            fn missing(handle: &str) -> AwsError {
                let words: fn(&str) -> String = $missing;
                errors::no_such_entity(words(handle))
            }
        }
    )*};
}

named! {
    User, USERS, |name| format!("The user with name {name} cannot be found.");
    Role, ROLES, |name| format!("The role with name {name} cannot be found.");
    Group, GROUPS, |name| format!("The group with name {name} cannot be found.");
    InstanceProfile, INSTANCE_PROFILES, |name| format!("Instance Profile {name} cannot be found.");
    ServerCertificate, SERVER_CERTIFICATES,
        |name| format!("The Server Certificate with name {name} cannot be found.");
}

impl Entity for Policy {
    fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError> {
        let name = handle.rsplit('/').next().unwrap_or_default();
        Ok(tx.get(&POLICIES, fold(name))?.filter(|policy: &Self| policy.arn == handle))
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&POLICIES, fold(&self.name), self)?)
    }

    fn missing(handle: &str) -> AwsError {
        errors::no_such_entity(format!("Policy {handle} was not found."))
    }
}

impl Role {
    /// Whether the role belongs to a service, so that only the service may change it.
    pub(crate) fn is_service_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }

    /// Refuses changes by callers of what belongs to a service.
    pub(crate) fn modifiable(&self) -> Result<(), AwsError> {
        if self.is_service_linked() { Err(errors::protected_role(&self.name)) } else { Ok(()) }
    }
}

impl Principal for User {
    const NOUN: &'static str = "user";
    const TITLE: &'static str = "User";
    const INLINE_QUOTA: usize = 2_048;

    fn name(&self) -> &str {
        &self.name
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> Result<&mut Permissions, AwsError> {
        Ok(&mut self.permissions)
    }
}

impl Principal for Role {
    const NOUN: &'static str = "role";
    const TITLE: &'static str = "Role";
    const INLINE_QUOTA: usize = 10_240;

    fn name(&self) -> &str {
        &self.name
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> Result<&mut Permissions, AwsError> {
        self.modifiable()?;
        Ok(&mut self.permissions)
    }
}

impl Principal for Group {
    const NOUN: &'static str = "group";
    const TITLE: &'static str = "Group";
    const INLINE_QUOTA: usize = 5_120;

    fn name(&self) -> &str {
        &self.name
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> Result<&mut Permissions, AwsError> {
        Ok(&mut self.permissions)
    }
}

macro_rules! tagged {
    ($($kind:ty),*) => {$(
        impl Tagged for $kind {
            fn tags(&self) -> &Tags {
                &self.tags
            }

            fn tags_mut(&mut self) -> Result<&mut Tags, AwsError> {
                Ok(&mut self.tags)
            }
        }
    )*};
}

tagged!(User, Policy, InstanceProfile, ServerCertificate, MfaDevice, OidcProvider, SamlProvider);

impl Tagged for Role {
    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> Result<&mut Tags, AwsError> {
        self.modifiable()?;
        Ok(&mut self.tags)
    }
}

/// Changes one entity in a transaction of its own.
pub(crate) async fn update<E: Entity, T: Send>(
    ctx: &cloudtwin_core::Ctx,
    handle: &str,
    mut change: impl FnMut(&mut E, &ReadTx<'_>) -> Result<T, AwsError> + Send,
) -> Result<T, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut entity = E::get(tx, handle)?;
            let value = change(&mut entity, tx)?;
            entity.put(tx)?;
            Ok(value)
        })
        .await
}

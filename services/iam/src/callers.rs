//! What authorisation asks of IAM: the policies of whoever calls.

use std::collections::HashMap;
use std::sync::Arc;

use cloudtwin_core::authorize::{Identities, Identity};
use cloudtwin_core::{Caller, Cloud, Principal, Session};
use cloudtwin_policy::{NamedPolicy, PolicyName};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};
use parking_lot::RwLock;

use crate::identity::{HeldPolicy, Origin, boundary, managed_document, of_role, of_user};
use crate::state::{Entity, GROUPS, POLICIES, ROLES, Role, USERS, User};
use crate::trusted_principals::Known;

/// How many callers are remembered.
const CAPACITY: usize = 1_024;

/// Stands for what the root may do where its sessions are bounded by it.
const EVERYTHING: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// IAM's [`Identities`]. What it has found out about a caller holds until a row changes that it was made of.
#[derive(Default)]
pub(crate) struct IamIdentities(RwLock<HashMap<String, Remembered>>);

struct Remembered {
    caller: Caller,
    revisions: [u64; 4],
    identity: Arc<Identity>,
}

impl Identities for IamIdentities {
    fn identity(&self, cloud: &Cloud, caller: &Caller) -> Result<Arc<Identity>, AwsError> {
        // Asked for before anything is read: see `Db::revision`.
        let revisions = revisions(cloud)?;
        // One credential stands for one caller; callers without one are told apart by comparing.
        let key = caller.access_key_id.as_deref().unwrap_or(&caller.arn);
        let known = self
            .0
            .read()
            .get(key)
            .filter(|known| known.revisions == revisions && known.caller == *caller)
            .map(|known| Arc::clone(&known.identity));
        if let Some(identity) = known {
            return Ok(identity);
        }
        let db = cloud.db().scoped(&caller.account, "");
        let identity = Arc::new(db.read(|tx| Reading { cloud, tx }.identity(caller))?);
        let remembered = Remembered { caller: caller.clone(), revisions, identity: Arc::clone(&identity) };
        let mut all = self.0.write();
        if all.len() >= CAPACITY {
            all.clear();
        }
        all.insert(key.to_owned(), remembered);
        Ok(identity)
    }

    fn is_missing(&self, cloud: &Cloud, home: &str, arn: &str) -> Result<bool, AwsError> {
        let found = cloud.db().scoped(home, "").read(|tx| Known::find(tx, arn))?;
        Ok(matches!(found, Known::Nobody))
    }
}

fn revisions(cloud: &Cloud) -> Result<[u64; 4], StoreError> {
    let db = cloud.db();
    Ok([db.revision(&USERS)?, db.revision(&GROUPS)?, db.revision(&ROLES)?, db.revision(&POLICIES)?])
}

/// A look at IAM's rows.
struct Reading<'a> {
    cloud: &'a Cloud,
    tx: &'a ReadTx<'a>,
}

impl Reading<'_> {
    fn identity(&self, caller: &Caller) -> Result<Identity, AwsError> {
        let session = caller.session.as_deref();
        let identity = match &caller.principal {
            Principal::User { name } => self.user(name, &caller.user_id)?,
            Principal::AssumedRole { role_arn, .. } => self.role(role_arn, caller)?,
            Principal::FederatedUser { .. } => self.issuer(session)?,
            Principal::Root | Principal::Service { .. } | Principal::Anonymous => Identity::default(),
        };
        let session = session.filter(|session| session.has_policies());
        Ok(Identity { session: session.map(|session| self.session(session)).transpose()?, ..identity })
    }

    fn user(&self, name: &str, id: &str) -> Result<Identity, AwsError> {
        // A user that was deleted and made anew is another one, and has another id.
        let Some(user) = User::find(self.tx, name)?.filter(|user| user.id == id) else {
            return Ok(Identity::default());
        };
        Ok(Identity {
            policies: self.compiled(of_user(self.tx, &user)?),
            boundary: boundary(self.tx, &user.permissions)?.map(|policies| self.compiled(policies)),
            session: None,
            tags: user.tags,
            path: user.path,
            exists: true,
        })
    }

    fn role(&self, role_arn: &str, caller: &Caller) -> Result<Identity, AwsError> {
        let name = role_arn.rsplit('/').next().unwrap_or_default();
        let of_session = caller.session.as_ref().and_then(|session| session.role_id.as_deref());
        let id = of_session.or_else(|| caller.user_id.split(':').next());
        let role = Role::find(self.tx, name)?;
        let Some(role) = role.filter(|role| Some(role.id.as_str()) == id) else {
            // A role that never existed cannot have been deleted; its sessions have no permissions.
            return Ok(Identity { exists: of_session.is_none(), ..Identity::default() });
        };
        Ok(Identity {
            policies: self.compiled(of_role(self.tx, &role)?),
            boundary: boundary(self.tx, &role.permissions)?.map(|policies| self.compiled(policies)),
            session: None,
            tags: role.tags,
            path: role.path,
            exists: true,
        })
    }

    /// The user or root by whom a federated user was let in, without tags: those are its own.
    fn issuer(&self, session: Option<&Session>) -> Result<Identity, AwsError> {
        let Some(session) = session else { return Ok(Identity::default()) };
        let arn = session.issuer_arn.as_deref().unwrap_or_default();
        if arn.ends_with(":root") {
            let everything = managed_document(self.tx, EVERYTHING)?
                .map(|document| HeldPolicy { origin: Origin::Managed(EVERYTHING.to_owned()), document });
            let policies = self.compiled(everything.into_iter().collect());
            return Ok(Identity { policies, exists: true, ..Identity::default() });
        }
        let name = arn.rsplit('/').next().unwrap_or_default();
        let user = self.user(name, session.issuer_id.as_deref().unwrap_or_default())?;
        Ok(Identity { tags: Vec::new(), path: String::new(), ..user })
    }

    fn session(&self, session: &Session) -> Result<Vec<NamedPolicy>, AwsError> {
        let mut policies = Vec::new();
        for arn in &session.policy_arns {
            // A policy that is gone allows nothing.
            if let Some(document) = managed_document(self.tx, arn)? {
                policies.push(self.cloud.compiled_policy(PolicyName::Managed(arn.clone()), &document));
            }
        }
        if let Some(document) = &session.policy {
            policies.push(self.cloud.compiled_policy(PolicyName::Session, document));
        }
        Ok(policies)
    }

    fn compiled(&self, policies: Vec<HeldPolicy>) -> Vec<NamedPolicy> {
        let compile = |held: HeldPolicy| self.cloud.compiled_policy(held.origin.name(), &held.document);
        policies.into_iter().map(compile).collect()
    }
}

impl Origin {
    /// What explanations call the policy.
    pub(crate) fn name(self) -> PolicyName {
        match self {
            Self::Managed(arn) => PolicyName::Managed(arn),
            Self::Inline { noun, owner, name } => {
                PolicyName::Inline { entity: format!("{noun}/{owner}"), name }
            }
        }
    }
}

//! ARNs by ids: they contain the organization's id, which callers do not send. Permissions are asked for by ARN.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{CallFacts, StoredNames};
use cloudtwin_store::{ReadTx, StoreError};

use crate::handshakes;
use crate::state::{HANDSHAKES, organization_of};

/// Finds ARNs for the permissions that an operation needs.
pub(crate) struct StoredArns;

impl StoredNames for StoredArns {
    fn stored_name(&self, cloud: &Cloud, call: &CallFacts<'_>, wanted: &str, value: &str) -> Option<String> {
        if wanted != "stored_arn" {
            return None;
        }
        let account = call.account;
        cloud.db().scoped("", "").read(|tx| find(tx, account, value)).unwrap_or_else(|error: StoreError| {
            tracing::error!(%error, "an ARN cannot be looked up");
            None
        })
    }
}

fn find(tx: &ReadTx<'_>, account: &str, id: &str) -> Result<Option<String>, StoreError> {
    if let Some(handshake) = tx.get(&HANDSHAKES, id)? {
        return Ok(handshakes::shape(tx, &handshake)?.arn);
    }
    let Some(organization) = organization_of(tx, account)? else { return Ok(None) };
    if id == organization.root {
        return Ok(Some(organization.root_arn()));
    }
    if organization.resource_policy.as_ref().is_some_and(|policy| policy.id == id) {
        return Ok(Some(organization.resource_policy_arn(id)));
    }
    if organization.unit(tx, id)?.is_some() {
        return Ok(Some(organization.unit_arn(id)));
    }
    if organization.account(tx, id)?.is_some() {
        return Ok(Some(organization.account_arn(id)));
    }
    Ok(organization.policy(tx, id)?.map(|policy| organization.policy_arn(&policy)))
}

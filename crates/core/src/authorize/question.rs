//! Decisions on what somebody might do, without a call.

use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;

use super::subject::Subject;
use super::{Access, PermissionDecision};
use crate::authenticate;
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::ctx::RequestFacts;

impl Cloud {
    /// Whom an access key stands for. `None` if it may not be used: it is inactive, has ended or was
    /// deleted, or unknown keys are refused.
    ///
    /// # Errors
    /// What the store reports.
    pub fn caller_of_key(&self, key_id: &str) -> Result<Option<Caller>, StoreError> {
        let now = self.clock().now_millis();
        let caller = match authenticate::find(self, key_id)? {
            Some(credential) => {
                let usable = credential.active && credential.expires.is_none_or(|expires| expires > now);
                usable.then(|| credential.caller.clone())
            }
            None => {
                let refused = self.config().refuse_unknown_keys || crate::credentials::is_ours(key_id);
                (!refused).then(|| authenticate::unknown(self, key_id))
            }
        };
        Ok(caller.map(|caller| Caller { access_key_id: Some(key_id.to_owned()), ..caller }))
    }

    /// Decides what a caller may do, whatever the state of enforcement; nothing is recorded.
    ///
    /// # Errors
    /// What the store reports.
    pub fn decisions_for(
        &self,
        caller: &Caller,
        region: &str,
        permissions: &[Access],
    ) -> Result<Vec<PermissionDecision>, AwsError> {
        let subject = Subject::of(self, caller, region, &RequestFacts::default())?;
        let decide =
            |access: &Access| Ok(PermissionDecision::of(&subject, &self.decide(&subject, access.clone())?));
        permissions.iter().map(decide).collect()
    }
}

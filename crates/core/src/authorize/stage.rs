//! The stage of the pipeline that authorises, and what handlers may ask of it.

use std::sync::Arc;

use cloudtwin_policy::{Outcome, Principal as PolicyPrincipal};
use cloudtwin_smithy::schema::{OperationSchema, ProtocolId};
use cloudtwin_smithy::{AwsError, Shape};

use super::decide::Decided;
use super::decisions::Record;
use super::denial::Denial;
use super::failure_message;
use super::session_limits;
use super::subject::Subject;
use super::{Access, CallFacts, Enforcement};
use crate::Ctx;
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::service::Service;

/// A call whose permissions are decided here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) schema: &'static OperationSchema,
    /// The protocol of the answer, for the form of a refusal.
    pub(crate) protocol: ProtocolId,
}

/// Permissions of single elements that were refused, with their places in the list.
pub(crate) type DeniedElements = Vec<(usize, AwsError)>;

/// The permissions of a call, decided.
pub(crate) struct Verdict {
    operation: Operation,
    state: Enforcement,
    subject: Arc<Subject>,
    permissions: Vec<Decided>,
}

impl Cloud {
    /// Decides on everything that a call requires; `None` if it requires nothing.
    pub(crate) fn verdict(
        &self,
        ctx: &Ctx,
        service: &Service,
        input: &dyn Shape,
    ) -> Result<Option<Verdict>, AwsError> {
        let state = self.enforcement();
        let Some(operation) = ctx.state().operation.filter(|_| state != Enforcement::Disabled) else {
            return Ok(None);
        };
        if state == Enforcement::Enforced
            && let Some(refusal) = session_limits::refusal(ctx.caller(), operation.schema)
        {
            return Err(refusal);
        }
        let authorization = operation.schema.authorization;
        // Deferred ones ask themselves.
        let asks_itself = authorization.resource_policy_only || authorization.deferred.is_some();
        if authorization.permissionless || asks_itself {
            return Ok(None);
        }
        let call = CallFacts::of(ctx.caller(), ctx.region());
        let required = service.required(self, operation.schema, input, &call);
        if required.is_empty() {
            return Ok(None);
        }
        let subject = ctx.subject()?;
        let permissions = required.into_iter().map(|access| self.decide(&subject, access));
        let permissions = permissions.collect::<Result<Vec<Decided>, AwsError>>()?;
        Ok(Some(Verdict { operation, state, subject, permissions }))
    }

    /// Lets a call through or refuses it, before anything happens. The first permission that is
    /// missing names the error; the record of decisions tells of all.
    pub(crate) async fn apply(&self, ctx: &Ctx, verdict: Verdict) -> Result<(), AwsError> {
        let Verdict { operation, state, subject, permissions } = verdict;
        if state != Enforcement::EngineOnly && permissions.iter().any(Decided::is_refused) {
            tell(operation, &permissions);
        }
        let mut result = Ok(());
        if state == Enforcement::Enforced {
            for denied in permissions.iter().filter(|decided| decided.is_refused()) {
                let error = answer(self, &subject, denied, operation).await;
                match denied.element {
                    Some(element) => ctx.state().denied_elements.lock().push((element, error)),
                    None => {
                        result = Err(error);
                        break;
                    }
                }
            }
        }
        self.decisions().add(record(ctx, operation, state, subject, permissions));
        result
    }
}

impl Cloud {
    /// Whether `caller` has a permission in a region, where no call is: for front doors. Always, unless IAM is
    /// enforced.
    ///
    /// # Errors
    /// What the store reports.
    pub fn permits(&self, caller: &Caller, region: &str, access: &Access) -> Result<bool, AwsError> {
        if self.enforcement() != Enforcement::Enforced {
            return Ok(true);
        }
        let inside = crate::ctx::RequestFacts::default();
        let subject = Subject::of(self, caller, region, &inside)?;
        Ok(self.decide(&subject, access.clone())?.is_allowed())
    }
}

impl Ctx {
    /// Everything of decisions on this call that does not depend on the permission.
    pub(crate) fn subject(&self) -> Result<Arc<Subject>, AwsError> {
        if let Some(subject) = self.state().subject.get() {
            return Ok(Arc::clone(subject));
        }
        let subject = Arc::new(Subject::of(self.cloud(), self.caller(), self.region(), self.request())?);
        Ok(Arc::clone(self.state().subject.get_or_init(|| subject)))
    }

    /// Requires a permission that only the handler can know: for operations whose data say that
    /// they ask themselves, and for what follows from stored state.
    ///
    /// # Errors
    /// The refusal, worded for the service, where IAM is enforced.
    pub async fn authorize(&self, access: &Access) -> Result<(), AwsError> {
        self.authorize_subject(|| self.subject(), access).await
    }

    /// Requires a permission of somebody who is no principal of an account: the user of an
    /// identity provider, who takes on a role. `keys` are the condition keys that the provider
    /// vouches for.
    ///
    /// # Errors
    /// The refusal, worded for the service, where IAM is enforced.
    pub async fn authorize_federated(
        &self,
        principal: &PolicyPrincipal,
        access: &Access,
    ) -> Result<(), AwsError> {
        let subject = || {
            let mut subject = Subject::of(self.cloud(), self.caller(), self.region(), self.request())?;
            subject.principal = principal.clone();
            Ok(Arc::new(subject))
        };
        self.authorize_subject(subject, access).await
    }

    /// Requires a permission of another caller than this call's: who signed a form that nobody has
    /// signed the request of.
    ///
    /// # Errors
    /// The refusal, worded for the service, where IAM is enforced.
    pub async fn authorize_caller(&self, caller: &Caller, access: &Access) -> Result<(), AwsError> {
        let subject = || Subject::of(self.cloud(), caller, self.region(), self.request()).map(Arc::new);
        self.authorize_subject(subject, access).await
    }

    async fn authorize_subject(
        &self,
        subject: impl FnOnce() -> Result<Arc<Subject>, AwsError>,
        access: &Access,
    ) -> Result<(), AwsError> {
        let cloud = self.cloud();
        let state = cloud.enforcement();
        let Some(operation) = self.state().operation.filter(|_| state != Enforcement::Disabled) else {
            return Ok(());
        };
        let subject = subject()?;
        let decided = cloud.decide(&subject, access.clone())?;
        let result = match state {
            Enforcement::Enforced if decided.is_refused() => {
                Err(answer(cloud, &subject, &decided, operation).await)
            }
            _ => Ok(()),
        };
        if state != Enforcement::EngineOnly && decided.is_refused() {
            tell(operation, std::slice::from_ref(&decided));
        }
        let new_record = || record(self, operation, state, subject, Vec::new());
        cloud.decisions().add_permission(&self.request().request_id, decided, new_record);
        result
    }

    /// Whether the caller has a permission, without requiring it: where an answer depends on what
    /// else the caller may see. Always, unless IAM is enforced.
    ///
    /// # Errors
    /// What the store reports.
    pub fn permits(&self, access: &Access) -> Result<bool, AwsError> {
        if self.cloud().enforcement() != Enforcement::Enforced || self.state().operation.is_none() {
            return Ok(true);
        }
        let subject = self.subject()?;
        Ok(self.cloud().decide(&subject, access.clone())?.is_allowed())
    }

    /// Whether `caller` (a service that will act for a resource) has a permission. Always, unless
    /// IAM is enforced.
    ///
    /// # Errors
    /// What the store reports.
    pub fn permits_caller(&self, caller: &Caller, access: &Access) -> Result<bool, AwsError> {
        self.cloud().permits(caller, self.region(), access)
    }

    /// The refusal of one element of the list that the operation decides element by element.
    pub fn denied_element(&self, index: usize) -> Option<AwsError> {
        let denied = self.state().denied_elements.lock();
        denied.iter().find(|(element, _)| *element == index).map(|(_, error)| error.clone())
    }
}

fn record(
    ctx: &Ctx,
    operation: Operation,
    state: Enforcement,
    subject: Arc<Subject>,
    permissions: Vec<Decided>,
) -> Record {
    Record {
        request_id: ctx.request().request_id.clone(),
        time: ctx.clock().now_millis(),
        service: operation.schema.service.name,
        operation: operation.schema.name,
        state,
        subject,
        permissions,
    }
}

async fn answer(cloud: &Cloud, subject: &Subject, decided: &Decided, operation: Operation) -> AwsError {
    let reason = decided.reason();
    let mut encoded = None;
    if Denial::is_encoded(operation.schema.service) {
        match failure_message::encoded(cloud, subject, decided).await {
            Ok(message) => encoded = Some(message),
            Err(error) => tracing::error!(%error, "an authorisation failure message cannot be encoded"),
        }
    }
    let denial = Denial {
        caller: &subject.caller,
        action: &decided.action,
        resource: &decided.resource,
        resource_account: &decided.resource_account,
        region: &subject.region,
        reason: &reason,
        encoded: encoded.as_deref(),
    };
    denial.answer(operation.schema.service, operation.protocol)
}

/// The log lines of a call that lacks permissions, in the words that users of LocalStack know.
fn tell(operation: Operation, permissions: &[Decided]) {
    let listed = |wanted: Option<Outcome>| {
        let wanted =
            permissions.iter().filter(|decided| wanted.is_none_or(|wanted| wanted == decided.outcome));
        let lines: Vec<String> = wanted
            .map(|decided| format!("\"Action '{}' for '{}'\"", decided.action, decided.resource))
            .collect();
        (lines.len(), format!("[{}]", lines.join(", ")))
    };
    tracing::info!(
        target: "cloudtwin::iam",
        "Request for service {} for operation {} denied.",
        operation.schema.service.name,
        operation.schema.name
    );
    tracing::debug!(target: "cloudtwin::iam", "Necessary permissions for this action: {}", listed(None).1);
    for (outcome, how) in [
        (Outcome::ExplicitDeny, "explicitly denied"),
        (Outcome::Allow, "explicitly allowed"),
        (Outcome::ImplicitDeny, "implicitly denied"),
    ] {
        let (count, permissions) = listed(Some(outcome));
        tracing::debug!(target: "cloudtwin::iam", "{count} permissions have been {how}: {permissions}");
    }
}

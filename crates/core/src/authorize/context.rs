//! The condition keys of a call (IAM user guide, "AWS global condition context keys").
//!
//! A key that the call does not have is absent: policies can tell that from every value.

use std::borrow::Cow;

use cloudtwin_policy::Context;
use cloudtwin_smithy::Timestamp;
use cloudtwin_smithy::schema::TimestampFormat;

use super::hooks::{Identity, OrganizationPolicies};
use crate::caller::{Caller, Principal};
use crate::ctx::RequestFacts;

/// The newest service in a chain of forwarded calls decides `aws:CalledViaLast`.
const CALLED_VIA: &str = "aws:CalledVia";

/// What the keys are made from.
pub(crate) struct Sources<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) organization: Option<&'a OrganizationPolicies>,
    pub(crate) request: &'a RequestFacts,
    pub(crate) region: &'a str,
    /// The cloud's time, in milliseconds since 1970.
    pub(crate) now: i64,
    /// Whether calls over plain HTTP count as encrypted.
    pub(crate) plain_is_secure: bool,
}

impl Sources<'_> {
    /// The keys that are the same for every permission of the call.
    pub(crate) fn context(&self) -> Context {
        let mut context = Context::with_capacity(20);
        self.principal(&mut context);
        self.session(&mut context);
        self.network(&mut context);
        let now = Timestamp::from_millis(self.now);
        context.set("aws:CurrentTime", now.format(TimestampFormat::DateTime));
        context.set("aws:EpochTime", (self.now / 1_000).to_string());
        context.set("aws:RequestedRegion", self.region.to_owned());
        if let Some(organization) = self.organization {
            context.set("aws:PrincipalOrgID", organization.id.clone());
            context.set("aws:PrincipalOrgPaths", vec![organization.path.clone()]);
        }
        context
    }

    fn principal(&self, context: &mut Context) {
        let caller = self.caller;
        match &caller.principal {
            Principal::Anonymous => {
                context.set("aws:PrincipalType", "Anonymous");
                context.set("aws:userid", "anonymous");
                context.set("aws:PrincipalIsAWSService", false);
                return;
            }
            Principal::Service { name, source_arn, source_account } => {
                context.set("aws:PrincipalIsAWSService", true);
                context.set("aws:PrincipalServiceName", name.clone());
                context.set("aws:PrincipalServiceNamesList", vec![name.clone()]);
                if !source_arn.is_empty() {
                    context.set("aws:SourceArn", source_arn.clone());
                }
                let account = if source_account.is_empty() { &caller.account } else { source_account };
                context.set("aws:SourceAccount", account.clone());
                return;
            }
            Principal::Root => context.set("aws:PrincipalType", "Account"),
            Principal::User { name } => {
                context.set("aws:PrincipalType", "User");
                context.set("aws:username", name.clone());
            }
            Principal::AssumedRole { .. } => context.set("aws:PrincipalType", "AssumedRole"),
            Principal::FederatedUser { .. } => context.set("aws:PrincipalType", "FederatedUser"),
        }
        let arn = match &caller.principal {
            Principal::AssumedRole { role_arn, .. } => role_arn,
            _ => &caller.arn,
        };
        context.set("aws:PrincipalArn", arn.clone());
        context.set("aws:PrincipalAccount", caller.account.clone());
        context.set("aws:userid", caller.user_id.clone());
        context.set("aws:PrincipalIsAWSService", false);
        let session_tags = caller.session.iter().flat_map(|session| &session.tags);
        for (key, value) in self.identity.iter().flat_map(|identity| &identity.tags).chain(session_tags) {
            context.set(format!("aws:PrincipalTag/{key}"), value.clone());
        }
    }

    /// Only temporary credentials have these.
    fn session(&self, context: &mut Context) {
        let Some(session) = &self.caller.session else { return };
        let issued = Timestamp::from_millis(session.issued);
        context.set("aws:TokenIssueTime", issued.format(TimestampFormat::DateTime));
        context.set("aws:MultiFactorAuthPresent", session.mfa_authenticated_at.is_some());
        if let Some(at) = session.mfa_authenticated_at {
            context.set("aws:MultiFactorAuthAge", ((self.now - at).max(0) / 1_000).to_string());
        }
        context.set_known("aws:SourceIdentity", session.source_identity.clone());
        context.set_known("aws:FederatedProvider", session.federated_provider.clone());
        for (key, values) in &session.keys {
            let key = Cow::Owned(key.clone());
            match values.as_slice() {
                [value] => context.set(key, value.clone()),
                values => context.set(key, values.to_vec()),
            }
        }
    }

    fn network(&self, context: &mut Context) {
        let request = self.request;
        let direct = request.called_via.is_empty();
        let service = matches!(self.caller.principal, Principal::Service { .. });
        if !request.source_ip.is_empty() && direct && !service {
            context.set("aws:SourceIp", request.source_ip.clone());
        }
        if !request.user_agent.is_empty() {
            context.set("aws:UserAgent", request.user_agent.clone());
        }
        if !request.referer.is_empty() {
            context.set("aws:referer", request.referer.clone());
        }
        // Calls between services never leave AWS's own network, which is encrypted.
        let inside = request.source_ip.is_empty();
        context.set("aws:SecureTransport", request.tls || inside || self.plain_is_secure);
        context.set("aws:ViaAWSService", !direct);
        if let (Some(first), Some(last)) = (request.called_via.first(), request.called_via.last()) {
            context.set("aws:CalledViaFirst", first.clone());
            context.set("aws:CalledViaLast", last.clone());
            context.set(CALLED_VIA, request.called_via.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(caller: &Caller, request: &RequestFacts, plain_is_secure: bool) -> Context {
        Sources {
            caller,
            identity: None,
            organization: None,
            request,
            region: "eu-west-1",
            now: 1_700_000_000_123,
            plain_is_secure,
        }
        .context()
    }

    fn value(context: &Context, key: &str) -> Option<String> {
        context.get(key).map(ToString::to_string)
    }

    #[test]
    fn a_call_that_services_forward_says_through_which_and_hides_the_address() {
        let root = Caller::root("111122223333");
        let direct = RequestFacts { source_ip: "192.0.2.1".to_owned(), ..RequestFacts::default() };
        let context_of = |request: &RequestFacts| context(&root, request, true);
        let found = context_of(&direct);
        assert_eq!(value(&found, "aws:SourceIp").as_deref(), Some("192.0.2.1"));
        assert_eq!(value(&found, "aws:ViaAWSService").as_deref(), Some("false"));
        assert_eq!(value(&found, "aws:CalledVia"), None);

        let via = ["cloudformation.amazonaws.com", "dynamodb.amazonaws.com"].map(str::to_owned);
        let found = context_of(&RequestFacts { called_via: via.to_vec(), ..direct });
        assert_eq!(value(&found, "aws:SourceIp"), None);
        assert_eq!(value(&found, "aws:ViaAWSService").as_deref(), Some("true"));
        assert_eq!(value(&found, "aws:CalledViaFirst").as_deref(), Some("cloudformation.amazonaws.com"));
        assert_eq!(value(&found, "aws:CalledViaLast").as_deref(), Some("dynamodb.amazonaws.com"));
        assert_eq!(value(&found, "aws:EpochTime").as_deref(), Some("1700000000"));
    }

    #[test]
    fn plain_calls_are_secure_only_if_that_is_said() {
        let root = Caller::root("111122223333");
        let plain = RequestFacts { source_ip: "192.0.2.1".to_owned(), ..RequestFacts::default() };
        let secure = |request: &RequestFacts, plain_is_secure| {
            value(&context(&root, request, plain_is_secure), "aws:SecureTransport")
        };
        assert_eq!(secure(&plain, true).as_deref(), Some("true"));
        assert_eq!(secure(&plain, false).as_deref(), Some("false"));
        assert_eq!(secure(&RequestFacts { tls: true, ..plain }, false).as_deref(), Some("true"));
        assert_eq!(secure(&RequestFacts::default(), false).as_deref(), Some("true"));
    }

    #[test]
    fn services_tell_for_what_they_call_and_only_sessions_have_a_token() {
        let service = Caller::service("s3.amazonaws.com", "arn:aws:s3:::b", "111122223333");
        let found = context(&service, &RequestFacts::default(), true);
        assert_eq!(value(&found, "aws:SourceArn").as_deref(), Some("arn:aws:s3:::b"));
        assert_eq!(value(&found, "aws:SourceAccount").as_deref(), Some("111122223333"));
        assert_eq!(value(&found, "aws:PrincipalIsAWSService").as_deref(), Some("true"));
        assert_eq!(value(&found, "aws:PrincipalArn"), None);
        for key in ["aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:username"] {
            assert_eq!(value(&context(&Caller::root("1"), &RequestFacts::default(), true), key), None);
        }
    }
}

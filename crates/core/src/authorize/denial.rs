//! The words in which services refuse: each family has its own code, status and form of one
//! sentence (IAM user guide, "Troubleshoot access denied error messages").

use std::borrow::Cow;

use cloudtwin_policy::{Layer, PolicyName};
use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::error::ErrorShape;
use cloudtwin_smithy::schema::{Member, ProtocolId, Schema, ServiceSchema, ShapeType};

use crate::caller::{Caller, Principal};

/// `AccessDeniedException` is not in the services' models: their common framework answers it, in its
/// own namespace and with a capital `Message`.
static TEXT: Schema = Schema::of("String", ShapeType::String);
static FRAMEWORK_ERROR: Schema = Schema {
    members: &[Member::of("Message", 0, &TEXT)],
    ..Schema::of("com.amazon.coral.service#AccessDeniedException", ShapeType::Structure)
};

const fn access_denied(status: u16, query_code: Option<&'static str>) -> ErrorShape {
    ErrorShape { schema: &FRAMEWORK_ERROR, code: "AccessDeniedException", status, sender: true, query_code }
}

static RPC: ErrorShape = access_denied(400, None);
static REST_JSON: ErrorShape = access_denied(403, None);
static SQS: ErrorShape = access_denied(403, Some("AccessDenied"));

/// Why a permission is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The layer that decided; `None` if nothing of the caller's or the resource's allows it.
    pub(crate) layer: Layer,
    /// Whether a statement denies it, rather than none allowing it.
    pub(crate) explicit: bool,
    /// The policy with that statement.
    pub(crate) policy: Option<PolicyName>,
    /// Whether the resource's policy is a role's trust policy.
    pub(crate) trust: bool,
}

impl Reason {
    fn words(&self, action: &str) -> String {
        let layer = self.layer;
        let trust = self.trust;
        if self.explicit {
            let which = match layer {
                Layer::Identity => "an identity-based policy",
                Layer::Resource if trust => "the role trust policy",
                Layer::Resource => "a resource-based policy",
                Layer::Boundary => "a permissions boundary",
                Layer::Session => "a session policy",
                Layer::Scp => "a service control policy",
                Layer::Rcp => "a resource control policy",
                Layer::Endpoint => "a VPC endpoint policy",
            };
            // Since 2026 the ARN of the policy follows, where it has one that the caller may know.
            let arn = self.policy.as_ref().filter(|_| layer != Layer::Resource).and_then(PolicyName::arn);
            return match arn {
                Some(arn) => format!(" with an explicit deny in {which}: {arn}"),
                None => format!(" with an explicit deny in {which}"),
            };
        }
        let which = match layer {
            Layer::Identity => "identity-based policy",
            Layer::Resource if trust => "role trust policy",
            Layer::Resource => "resource-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
            Layer::Scp => "service control policy",
            Layer::Rcp => "resource control policy",
            Layer::Endpoint => "VPC endpoint policy",
        };
        format!(" because no {which} allows the {action} action")
    }
}

/// A refused permission, and for whom it is worded.
pub(crate) struct Denial<'a> {
    pub(crate) caller: &'a Caller,
    /// The IAM action, as policies write it.
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// The account of the resource.
    pub(crate) resource_account: &'a str,
    /// The region of the call.
    pub(crate) region: &'a str,
    pub(crate) reason: &'a Reason,
    /// The sealed explanation, for services that send it.
    pub(crate) encoded: Option<&'a str>,
}

impl Denial<'_> {
    /// Whether a service tells the explanation in sealed form.
    pub(crate) fn is_encoded(service: &ServiceSchema) -> bool {
        service.name == "ec2"
    }

    /// The answer of a service to the caller.
    pub(crate) fn answer(&self, service: &ServiceSchema, protocol: ProtocolId) -> AwsError {
        match (service.name, protocol) {
            ("s3" | "s3control", _) => AwsError::new("AccessDenied", 403, self.s3()),
            ("ec2", _) => {
                let mut message = "You are not authorized to perform this operation. ".to_owned();
                message.push_str(&self.generic());
                if let Some(encoded) = self.encoded {
                    message.push_str(". Encoded authorization failure message: ");
                    message.push_str(encoded);
                }
                AwsError::new("UnauthorizedOperation", 403, message)
            }
            ("sqs", ProtocolId::Query) => AwsError::new("AccessDenied", 403, self.sqs()),
            ("sqs", _) => SQS.with(self.sqs()),
            ("sns", _) => AwsError::new("AuthorizationError", 403, self.sns()),
            (_, ProtocolId::Query | ProtocolId::Ec2 | ProtocolId::RestXml) => {
                AwsError::new("AccessDenied", 403, self.generic())
            }
            (_, ProtocolId::RestJson) => REST_JSON.with(self.generic()),
            (_, ProtocolId::Json | ProtocolId::RpcV2Cbor | ProtocolId::RpcV2Json) => RPC.with(self.generic()),
        }
    }

    /// What is named as the resource where policies see none: services then name what the call is
    /// about in a form of their own, which differs from action to action.
    fn shown_resource(&self) -> Cow<'_, str> {
        if self.resource != "*" {
            return Cow::Borrowed(self.resource);
        }
        let account = &self.caller.account;
        let region = self.region;
        let kind = match self.action {
            "iam:ListPolicies" => return Cow::Borrowed("policy path /"),
            "sqs:ListQueues" => return Cow::Owned(format!("arn:aws:sqs:{region}:{account}:")),
            "sns:ListTopics" | "sns:ListSubscriptions" => {
                return Cow::Owned(format!("arn:aws:sns:{region}:{account}:*"));
            }
            "iam:ListUsers" => "user",
            "iam:ListRoles" => "role",
            "iam:ListGroups" => "group",
            "iam:ListInstanceProfiles" => "instance-profile",
            "iam:ListServerCertificates" => "server-certificate",
            "iam:ListVirtualMFADevices" => "mfa",
            _ => return Cow::Borrowed("*"),
        };
        Cow::Owned(format!("arn:aws:iam::{account}:{kind}/"))
    }

    fn user(&self) -> &str {
        match self.caller.principal {
            Principal::Anonymous => "anonymous",
            _ => &self.caller.arn,
        }
    }

    fn sentence(&self, action: &str, resource: &str) -> String {
        let user = self.user();
        let on = if resource.is_empty() { String::new() } else { format!(" on resource: {resource}") };
        let why = self.reason.words(action);
        format!("User: {user} is not authorized to perform: {action}{on}{why}")
    }

    fn generic(&self) -> String {
        self.sentence(self.action, &self.shown_resource())
    }

    /// S3 tells reasons only to callers of the resource's own account.
    fn s3(&self) -> String {
        let foreign = self.caller.account != self.resource_account;
        if foreign || matches!(self.caller.principal, Principal::Anonymous | Principal::Service { .. }) {
            return "Access Denied".to_owned();
        }
        let resource = if self.resource == "*" { String::new() } else { format!("\"{}\"", self.resource) };
        self.sentence(self.action, &resource)
    }

    /// SQS writes its actions in lower case.
    fn sqs(&self) -> String {
        self.sentence(&self.action.to_ascii_lowercase(), &self.shown_resource())
    }

    /// SNS writes its own prefix in capitals.
    fn sns(&self) -> String {
        let action = match self.action.strip_prefix("sns:") {
            Some(name) => format!("SNS:{name}"),
            None => self.action.to_owned(),
        };
        self.sentence(&action, &self.shown_resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn service(name: &'static str) -> ServiceSchema {
        ServiceSchema {
            name,
            service_id: name,
            endpoint_prefix: name,
            signing_name: name,
            api_version: "",
            target_prefix: "",
            json_version: "1.0",
            protocols: &[],
            xml_namespace: None,
            query_compatible: false,
        }
    }

    fn missing(layer: Layer) -> Reason {
        Reason { layer, explicit: false, policy: None, trust: false }
    }

    fn answer(name: &'static str, protocol: ProtocolId, action: &str, resource: &str) -> AwsError {
        let denial = Denial {
            caller: &Caller::root("111122223333"),
            action,
            resource,
            resource_account: "111122223333",
            region: "eu-west-1",
            reason: &missing(Layer::Scp),
            encoded: Some("c2VhbGVk"),
        };
        denial.answer(&service(name), protocol)
    }

    #[test]
    fn each_family_has_its_code_and_status() {
        for (name, protocol, code, status) in [
            ("s3", ProtocolId::RestXml, "AccessDenied", 403),
            ("ec2", ProtocolId::Ec2, "UnauthorizedOperation", 403),
            ("sqs", ProtocolId::Query, "AccessDenied", 403),
            ("sqs", ProtocolId::Json, "AccessDeniedException", 403),
            ("sns", ProtocolId::Query, "AuthorizationError", 403),
            ("iam", ProtocolId::Query, "AccessDenied", 403),
            ("cloudfront", ProtocolId::RestXml, "AccessDenied", 403),
            ("lambda", ProtocolId::RestJson, "AccessDeniedException", 403),
            ("dynamodb", ProtocolId::Json, "AccessDeniedException", 400),
            ("cloudwatch", ProtocolId::RpcV2Cbor, "AccessDeniedException", 400),
        ] {
            let error = answer(name, protocol, "x:Y", "*");
            assert_eq!((error.code(), error.status()), (code, status), "{name}");
        }
    }

    #[test]
    fn services_write_actions_and_resources_in_their_own_way() {
        let user = "User: arn:aws:iam::111122223333:root is not authorized to perform: ";
        let why = "because no service control policy allows the";
        for (name, action, resource, expected) in [
            ("sqs", "sqs:ListQueues", "*", "sqs:listqueues on resource: arn:aws:sqs:eu-west-1:111122223333:"),
            ("sns", "sns:Publish", "arn:aws:sns:::t", "SNS:Publish on resource: arn:aws:sns:::t"),
            (
                "sns",
                "sns:ListTopics",
                "*",
                "SNS:ListTopics on resource: arn:aws:sns:eu-west-1:111122223333:*",
            ),
            ("iam", "iam:ListUsers", "*", "iam:ListUsers on resource: arn:aws:iam::111122223333:user/"),
            ("iam", "iam:GetAccountSummary", "*", "iam:GetAccountSummary on resource: *"),
            ("s3", "s3:ListAllMyBuckets", "*", "s3:ListAllMyBuckets"),
            ("s3", "s3:GetObject", "arn:aws:s3:::b/k", "s3:GetObject on resource: \"arn:aws:s3:::b/k\""),
        ] {
            let error = answer(name, ProtocolId::Query, action, resource);
            let shown = expected.split(' ').next().unwrap_or_default();
            assert_eq!(error.message(), format!("{user}{expected} {why} {shown} action"));
        }
        let error = answer("ec2", ProtocolId::Ec2, "ec2:RunInstances", "arn:aws:ec2:::instance/*");
        let start =
            format!("You are not authorized to perform this operation. {user}ec2:RunInstances on resource:");
        assert!(error.message().starts_with(&start), "{error}");
        assert!(
            error.message().ends_with(" action. Encoded authorization failure message: c2VhbGVk"),
            "{error}"
        );
    }

    #[test]
    fn layers_are_named_and_policies_where_they_may_be_known() {
        let deny = |layer, trust, policy| Reason { layer, explicit: true, policy, trust }.words("a:B");
        let arn = || Some(PolicyName::Managed("arn:aws:iam::aws:policy/X".to_owned()));
        assert_eq!(
            deny(Layer::Identity, false, arn()),
            " with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/X"
        );
        assert_eq!(deny(Layer::Resource, false, arn()), " with an explicit deny in a resource-based policy");
        assert_eq!(deny(Layer::Resource, true, None), " with an explicit deny in the role trust policy");
        assert_eq!(deny(Layer::Rcp, false, None), " with an explicit deny in a resource control policy");
        let mut reason = missing(Layer::Resource);
        assert_eq!(reason.words("a:B"), " because no resource-based policy allows the a:B action");
        reason.trust = true;
        assert_eq!(reason.words("a:B"), " because no role trust policy allows the a:B action");
    }
}

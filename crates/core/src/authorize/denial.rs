//! The words in which services refuse: each family has its own code, status and form of one
//! sentence (IAM user guide, "Troubleshoot access denied error messages").

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
        self.sentence(self.action, self.resource)
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
        self.sentence(&self.action.to_ascii_lowercase(), self.resource)
    }

    /// SNS writes its own prefix in capitals.
    fn sns(&self) -> String {
        let action = match self.action.strip_prefix("sns:") {
            Some(name) => format!("SNS:{name}"),
            None => self.action.to_owned(),
        };
        self.sentence(&action, self.resource)
    }
}

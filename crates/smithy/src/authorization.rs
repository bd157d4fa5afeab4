//! What an operation requires of its caller: data that the generator writes from
//! `models/authz/<service>.json`, and that the pipeline turns into (action, resource) pairs.

/// The permissions that an operation requires.
#[derive(Debug)]
pub struct Authorization {
    /// Each permission; all of them are required.
    pub required: &'static [Requirement],
    /// No permission is required at all (`sts:GetCallerIdentity`).
    pub permissionless: bool,
}

impl Authorization {
    /// Requires nothing; for operations outside of IAM, such as those of conformance tests.
    pub const NONE: Self = Self { required: &[], permissionless: true };
}

/// One permission, for some inputs.
#[derive(Debug)]
pub struct Requirement {
    /// The IAM action (`s3:GetObject`).
    pub action: &'static str,
    /// ARN templates: `{partition}`, `{region}` and `{account}` are the call's, `{Member}` and
    /// `{Member|transform}` come from the input.
    pub resources: &'static [&'static str],
    /// When it is required; always, if empty.
    pub when: &'static [When],
    /// The condition keys that the input fills: key and template.
    pub keys: &'static [(&'static str, &'static str)],
}

/// A condition on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The member is set.
    Present(&'static str),
    /// The member is not set.
    Absent(&'static str),
}
